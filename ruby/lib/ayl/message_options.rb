# frozen_string_literal: true

module Ayl
  # How a job is put and what becomes of it when it fails. Everything has a default, which can be changed:
  # `Ayl::MessageOptions.default_time_to_run = 300`.
  class MessageOptions
    OPTIONS = %i[priority fuzz delay time_to_run queue_name failed_job_handler failed_job_delay failed_job_count].freeze

    VALID_FAILED_JOB_HANDLERS = %w[bury decay delete].freeze

    # The largest number beanstalkd takes.
    LARGEST = 4_294_967_295

    # The smallest, where it is not 0.
    SMALLEST = Hash.new(0).merge(time_to_run: 1).freeze

    attr_accessor(*(OPTIONS - [:queue_name]))
    attr_writer :queue_name

    class << self
      attr_accessor :default_priority, :default_fuzz, :default_delay, :default_time_to_run,
                    :default_failed_job_handler, :default_failed_job_delay, :default_failed_job_count
      attr_writer :default_queue_name

      # The application's tube, unless it was set; see Ayl::Tube.
      def default_queue_name
        @default_queue_name || Ayl.tube
      end
    end

    self.default_priority = 512
    self.default_fuzz = 0
    self.default_delay = 0
    self.default_time_to_run = 120
    self.default_failed_job_handler = "delete"
    self.default_failed_job_delay = 60
    self.default_failed_job_count = 3

    def initialize(opts = nil)
      opts ||= {}
      raise InvalidOption, "parameter must be a hash" unless opts.is_a?(Hash)

      unknown = opts.keys - OPTIONS
      raise InvalidOption, "unknown options specified: #{unknown}" unless unknown.empty?

      OPTIONS.each { |option| assign(option, opts) }
    end

    # Asked for when the job is put and not before: a call that is made at once needs no tube.
    def queue_name
      @queue_name || self.class.default_queue_name
    end

    private

    def assign(option, opts)
      value = opts[option]
      case option
      when :queue_name
        raise InvalidOption, "value for :queue_name is #{value.inspect}, which is no tube" unless value.nil? || Tube.valid?(value.to_s)

        @queue_name = value&.to_s
      when :failed_job_handler
        raise InvalidOption, "value for :failed_job_handler must be one of: #{VALID_FAILED_JOB_HANDLERS.join(", ")}" unless value.nil? || VALID_FAILED_JOB_HANDLERS.include?(value)

        self.failed_job_handler = value || self.class.default_failed_job_handler
      else
        public_send("#{option}=", value.nil? ? self.class.public_send("default_#{option}") : number(option, value))
      end
    end

    # Whole seconds, rounded up; ActiveSupport's durations are numbers too.
    def number(option, value)
      numeric = value.is_a?(Numeric) || (value.respond_to?(:to_i) && value.class.name == "ActiveSupport::Duration")
      numeric &&= value.to_f.finite?
      whole = value.to_f.ceil if numeric
      whole = value.to_i if value.is_a?(Integer)
      return whole if whole&.between?(SMALLEST[option], LARGEST)

      raise InvalidOption, "value for :#{option} is #{value.inspect}, expected a number from #{SMALLEST[option]} to #{LARGEST}"
    end
  end
end
