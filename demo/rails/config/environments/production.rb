# frozen_string_literal: true

Rails.application.configure do
  config.cache_classes = true
  config.log_level = :info
  config.logger = ActiveSupport::Logger.new($stdout)
  # Only signs what this application never sends: sessions, which it has not.
  config.secret_key_base = "demo"
end
