# frozen_string_literal: true

module Ayl
  # The job that is running: its number in beanstalkd, its tube, and its `jti` if the message was signed.
  Job = Struct.new(:id, :tube, :jti) unless const_defined?(:Job, false)

  unless const_defined?(:JobError, false)
    # What an executor that did not run the job itself knows of its exception.
    class JobError < StandardError
      attr_reader :original_class

      def initialize(original_class, message, backtrace)
        super("#{original_class}: #{message}")
        @original_class = original_class
        set_backtrace(backtrace)
      end
    end
  end

  class << self
    # The job that is running in this process, a Job, or nil outside of one.
    attr_reader :current_job

    # For the executor alone.
    attr_writer :current_job
  end
end
