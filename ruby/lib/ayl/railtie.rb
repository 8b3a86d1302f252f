# frozen_string_literal: true

require "active_job/queue_adapters/ayl_adapter"

module Ayl
  # Rails: `config.ayl.application = "abaqis"` and the rest of Ayl::Configuration, in config/application.rb or
  # an environment's file; the log; the models; `config.active_job.queue_adapter = :ayl`.
  class Railtie < ::Rails::Railtie
    config.ayl = ActiveSupport::OrderedOptions.new

    initializer "ayl.logger", after: :initialize_logger do
      Ayl::Logger.instance.logger ||= ::Rails.logger
    end

    initializer "ayl.configuration", before: :load_config_initializers do |app|
      Ayl.configure do |ayl|
        ayl.path = ::Rails.root.to_s
        app.config.ayl.each { |name, value| ayl.public_send("#{name}=", value) unless name == :mailer }
      end
    end

    # The mailer is a class of the application's, named by a String so that it can be reloaded.
    config.to_prepare do
      mailer = ::Rails.application.config.ayl.mailer
      Ayl::Mailer.instance.mailer = mailer.is_a?(String) ? mailer.constantize : mailer if mailer
    end

    # The version of the code that is now being loaded, before a deploy can change the file.
    config.after_initialize do
      Ayl.tube
    rescue Ayl::ConfigurationError => e
      Ayl::Logger.instance.warn "ayl: #{e.message}"
    end
  end
end
