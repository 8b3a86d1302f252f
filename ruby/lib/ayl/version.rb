# frozen_string_literal: true

module Ayl
  VERSION = "1.0.0"
end
