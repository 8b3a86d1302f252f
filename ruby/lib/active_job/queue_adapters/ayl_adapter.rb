# frozen_string_literal: true

require "ayl"

module ActiveJob
  module QueueAdapters
    # `config.active_job.queue_adapter = :ayl`. What is put is the job's class and arguments, as ActiveJob
    # serialises them, in the form that docs/messages.md gives: an old worker runs it too.
    #
    # A job's class may say how its jobs are put: `def self.ayl_options; {failed_job_handler: "bury"}; end`.
    class AylAdapter
      def enqueue(job)
        submit(job, 0)
      end

      # `timestamp` is in seconds since 1970.
      def enqueue_at(job, timestamp)
        submit(job, [(timestamp - Time.now.to_f).ceil, 0].max)
      end

      # Rails 7.2 and later: jobs are put when the transaction they were enqueued in is through.
      def enqueue_after_transaction_commit?
        true
      end

      private

      def submit(job, delay)
        options = job.class.respond_to?(:ayl_options) ? job.class.ayl_options.dup : {}
        options[:delay] = delay
        options[:priority] = job.priority if job.priority
        tube = tube_for(job.queue_name)
        options[:queue_name] = tube if tube
        message = Ayl::Message.of_code(code(job), Ayl::MessageOptions.new(options), active_job: job.class.name)
        number = Ayl::Engine.get_active_engine.submit(message)
        job.provider_job_id = number.to_s if number.is_a?(Integer)
      end

      # A literal that means the same in JSON and in Ruby.
      def code(job)
        literal = JSON.generate(JSON.generate(job.serialize)).gsub("#") { '\u0023' }
        "ActiveJob::Base.execute(JSON.parse(#{literal}))"
      end

      # nil: the application's own.
      def tube_for(queue)
        queues = Ayl.configuration.queues || {}
        return queues[queue] if queues.key?(queue)

        queue unless queue.nil? || queue == "default"
      end
    end
  end
end
