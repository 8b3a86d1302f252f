# frozen_string_literal: true

require "singleton"

module Ayl
  # Where this gem writes: `Ayl::Logger.instance.logger = Rails.logger`; stdout unless told otherwise.
  class Logger
    include Singleton

    attr_accessor :logger

    LOG_METHODS = %i[debug error fatal info warn].freeze

    LOG_METHODS.each do |method|
      define_method(method) do |message|
        if logger
          logger.public_send(method, message)
        else
          Kernel.puts "#{method.upcase}: #{message}"
        end
      end
    end
  end
end
