# frozen_string_literal: true

require_relative "../hooks"

module Ayl
  module Executor
    # Loads an application as the old worker did, and does for it what has to be done between its jobs.
    class Application
      attr_reader :path, :file, :environment

      # `wanted` is the frame `boot` of docs/executor.md, or the preloader's flags in the same words.
      def initialize(wanted)
        @path = wanted.fetch("path")
        @file = wanted.fetch("require")
        @environment = wanted["environment"]
        @rails = wanted["rails"] ? true : false
        @place = place_of(@path)
      end

      # Whether `wanted` means the code that this one is, in the same environment.
      def same_code?(wanted)
        place == wanted.place && [nil, @environment].include?(wanted.environment)
      end

      # Environment variables first: the application reads them while it loads.
      def announce(wanted)
        ENV["AYL_TUBE"] = wanted["tube"] if wanted["tube"]
        { "AYL_APP" => "application", "AYL_VERSION" => "version", "AYL_INSTANCE" => "instance" }.each do |name, key|
          ENV[name] ||= wanted[key] if wanted[key]
        end
      end

      # Raises whatever the application raises.
      def load
        Dir.chdir(@path)
        # Found last, so that the gem `ayl` of the application's own bundle comes first.
        $LOAD_PATH << File.expand_path("../..", __dir__)
        if @rails
          ENV["RAILS_ENV"] = @environment if @environment
          require "rails"
        end
        require File.join(@path, @file)
        @reloader = reloader
      end

      # In the preloader, once: what each executor would do first of all and for itself is done for all of them.
      def warm
        warm_models if defined?(ActiveRecord::Base)
        Hooks.warm_up.each(&:call)
      rescue StandardError => e
        # A database that is away is no reason not to be there when it is back.
        warn "ayl_preloader: cannot warm up yet: #{e.class}: #{e.message}"
      end

      # In the preloader, before each fork.
      def pause
        Hooks.before_fork.each(&:call)
        ActiveRecord::Base.connection_handler.clear_all_connections! if defined?(ActiveRecord::Base)
      end

      # In what was forked from the preloader. Rails takes connections anew when they are first used.
      def resume
        Hooks.after_fork.each(&:call)
      end

      def to_s
        "#{File.join(@path, @file)}#{" (#{@environment})" if @environment}"
      end

      # The application's own opinion of the tube, as the old worker had it: `tube` counts if it has none.
      def settle_tube(tube)
        return tube unless defined?(Ayl::MessageOptions)

        options = Ayl::MessageOptions
        options.default_queue_name = tube if tube && [nil, "default"].include?(options.default_queue_name)
        options.default_queue_name
      end

      # Around each job. Where classes are reloaded (development), edits are seen by the next job.
      def wrap(&job)
        @reloader ? @reloader.wrap(&job) : yield
      ensure
        give_connections_back
      end

      protected

      attr_reader :place

      private

      def warm_models
        models = ActiveRecord::Base.descendants.reject(&:abstract_class?).select(&:table_exists?)
        models.each { |model| model.unscoped.first }
      end

      # Now, and not when it is asked for: a deploy may turn the symlink to other code in the meantime.
      def place_of(path)
        [File.realpath(path), @file.delete_suffix(".rb")]
      rescue SystemCallError
        [path, @file]
      end

      def reloader
        return nil unless defined?(Rails.application) && Rails.application

        Rails.application.reloader if Rails.application.config.respond_to?(:cache_classes) && !Rails.application.config.cache_classes
      end

      # A connection is checked when it is taken out of its pool: so a restart of the database fails no job after it.
      def give_connections_back
        ActiveRecord::Base.connection_handler.clear_active_connections! if defined?(ActiveRecord::Base)
      end
    end
  end
end
