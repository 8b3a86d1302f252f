# frozen_string_literal: true

require "singleton"

module Ayl
  # Takes messages. This one, which is there when there is no other, runs them at once and in this process.
  class Engine
    include Singleton
    include Ayl::Logging

    class << self
      # The first engine that is connected; the synchronous one if there is none.
      def get_active_engine # rubocop:disable Naming/AccessorMethodName -- the old gem's name
        (engines.empty? ? [default].compact : engines).find(&:is_connected?) || instance
      end

      # Beside the one that the configuration asks for, applications may add their own.
      def add_engine(engine)
        raise Error, "engine must respond to asynchronous?" unless engine.respond_to?(:asynchronous?)
        raise Error, "engine must respond to is_connected?" unless engine.respond_to?(:is_connected?)

        engines << engine
      end

      def clear_engines
        @engines = []
      end

      def engines
        @engines ||= []
      end

      # For Ayl.configure.
      def forget_default
        @default = nil
      end

      private

      def default
        @default ||= (servers = Ayl.configuration.beanstalk) && Beanstalk::Engine.new(servers)
      end
    end

    # What every engine answers.
    def asynchronous?
      false
    end

    def is_connected? # rubocop:disable Naming/PredicateName -- the old gem's name
      true
    end

    # What the call returns; raises what it raises.
    def submit(message)
      worker.process_message(message)
    end

    private

    def worker
      @worker ||= Worker.new
    end
  end
end
