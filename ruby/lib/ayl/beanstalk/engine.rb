# frozen_string_literal: true

module Ayl
  module Beanstalk
    # Puts messages on beanstalkd, and does what the configuration says when that cannot be.
    class Engine
      include Ayl::Logging

      attr_reader :host, :port, :client

      # `Engine.new("localhost", 11300)`, as it was; or servers in the words of AYL_BEANSTALK: `Engine.new("a,b:11301")`.
      def initialize(host = "localhost", port = nil)
        @host = host
        @port = port
        configuration = Ayl.configuration
        @client = Client.new(Address.list(port ? "#{host}:#{port}" : host),
                             connect_timeout: configuration.connect_timeout, timeout: configuration.timeout)
      end

      def asynchronous?
        true
      end

      # Whether this engine wants the message: only with `unreachable = :synchronous` is it another's without a server.
      def is_connected? # rubocop:disable Naming/PredicateName -- the old gem's name
        return true unless Ayl.configuration.unreachable == :synchronous

        @client.connected? || complain
      end

      # The job's number in beanstalkd; nil if it was spooled; what the call returned if it was made at once.
      def submit(message)
        options = message.options
        tube = options.queue_name
        job = { tube: tube, priority: options.priority, delay: options.delay, ttr: options.time_to_run, body: message.to_body(tube) }
        logger.info "#{self.class.name} submitting '#{message.to_rrepr}' to tube '#{tube}'"
        replay
        put(job)
      rescue Unreachable => e
        unreachable(message, job, e)
      rescue Uncertain => e
        tell(e)
        raise if Ayl.configuration.uncertain == :raise
      rescue Refused => e
        tell(e)
        raise
      end

      # Puts a job as Spool keeps it.
      def put(job)
        @client.put(job[:tube], job[:body], priority: job[:priority], delay: job[:delay], ttr: job[:ttr])
      end

      # Puts what was spooled before. Where nothing was, that costs a stat. What cannot be put because of the disk
      # has to wait, and keeps no new job from the queue.
      def replay
        Spool.configured&.replay(self)
      rescue SystemCallError => e
        logger.error "the spool has to wait: #{e.message}"
      end

      private

      def unreachable(message, job, error)
        case Ayl.configuration.unreachable
        when :spool
          logger.warn "beanstalkd cannot be reached, the job is spooled: #{error.message}"
          Spool.configured.append(job)
          Spool.configured.watch(self)
          nil
        when :synchronous
          logger.error "beanstalkd cannot be reached, the call is made at once: #{error.message}"
          Ayl::Engine.instance.submit(message)
        else
          tell(error)
          raise error
        end
      end

      # In the log, and by the application's mailer.
      def tell(error)
        logger.error "Error submitting message to beanstalk: #{error.message}"
        Ayl::Mailer.instance.deliver_message("Error submitting message to beanstalk", error)
      end

      def complain
        logger.error "#{self.class.name} not connected: no server of #{@client.addresses.join(", ")} can be reached"
        false
      end
    end
  end
end
