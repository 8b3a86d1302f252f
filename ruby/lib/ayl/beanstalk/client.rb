# frozen_string_literal: true

module Ayl
  module Beanstalk
    # Puts jobs on the first of several servers that takes them. For all threads, and across forks: a process never
    # uses a connection of its parent's.
    #
    #     put ─► the connection it has ─ hung up meanwhile ─► the servers in turn ─► Unreachable
    #              └ answer lost ─► Uncertain: nobody tries again
    class Client
      # Seconds a server is left alone after it could not be reached.
      REST = 1.0

      attr_reader :addresses

      def initialize(addresses, connect_timeout: 1.0, timeout: 5.0)
        @addresses = addresses
        @connect_timeout = connect_timeout
        @timeout = timeout
        own
      end

      # Whether a server can be reached.
      def connected?
        synchronize { connect && true }
      rescue Unreachable
        false
      end

      # The job's number. Raises Unreachable, Uncertain or Refused.
      def put(tube, body, priority: 512, delay: 0, ttr: 120)
        synchronize { attempts { |connection| connection.put(tube, body, priority: priority, delay: delay, ttr: ttr) } }
      end

      # Ends the connection; the next call makes another.
      def close
        synchronize { forget }
      end

      private

      # Each failure before the whole job was sent leaves one server less to ask.
      def attempts
        reasons = []
        (@addresses.size + 1).times do
          connection = connect
          begin
            return yield connection
          rescue Connection::Broken, Draining, OutOfMemory => e
            reasons << e.message
            # A connection that had been good before says nothing of the server: it may have been restarted.
            rest(@current) unless e.is_a?(Connection::Broken) && @used
            forget
          rescue Uncertain, Refused
            forget
            raise
          else
            @used = true
          end
        end
        raise Unreachable, reasons.uniq.join("; ")
      rescue Unreachable => e
        raise if reasons.empty?

        raise Unreachable, (reasons + [e.message]).uniq.join("; ")
      end

      def connect
        return @connection if @connection&.usable?

        forget
        reasons = @addresses.map do |address|
          next "#{address} could not be reached just now" if resting?(address)

          begin
            @connection = Connection.new(address, connect_timeout: @connect_timeout, timeout: @timeout)
            @current = address
            @used = false
            return @connection
          rescue Connection::Broken => e
            rest(address)
            e.message
          end
        end
        raise Unreachable, reasons.join("; ")
      end

      def forget
        @connection&.close
        @connection = nil
      end

      def rest(address)
        @resting[address] = now + REST
      end

      def resting?(address)
        @resting.fetch(address, 0) > now
      end

      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end

      # After a fork everything is made anew, the lock too, which a thread of the parent may have held.
      def synchronize(&block)
        own unless @pid == Process.pid
        @lock.synchronize(&block)
      end

      def own
        # Closes this process's copy of the descriptor; the parent's connection does not notice.
        @connection&.close
        @connection = nil
        @resting = {}
        @lock = Mutex.new
        @pid = Process.pid
      end
    end
  end
end
