# frozen_string_literal: true

# What has been done, so that it can be seen.
class Note < ApplicationRecord
end
