# frozen_string_literal: true

require_relative "boot"

require "rails"
require "active_model/railtie"
require "active_record/railtie"
require "active_job/railtie"
require "ayl"

module Demo
  # A nursing home, as small as it can be.
  class Application < Rails::Application
    config.root = File.expand_path("..", __dir__)
    config.load_defaults 6.1
    config.eager_load = true
    config.active_job.queue_adapter = :ayl
    config.ayl.application = "rails"
  end
end
