# frozen_string_literal: true

require "io/wait"

module Ayl
  module Beanstalk
    # One connection to one beanstalkd, as a producer needs it: `use`, `put`. It belongs to one process and one thread at a time.
    #
    # Whatever leaves in doubt where the next reply begins closes it.
    class Connection
      # The longest line a reply may be.
      LINE_LIMIT = 512

      # Replies that mean another server may do better.
      REFUSALS = { "DRAINING" => Draining, "OUT_OF_MEMORY" => OutOfMemory, "JOB_TOO_BIG" => JobTooBig }.freeze

      # The connection broke before the server can have had the whole job: it is not in the queue.
      class Broken < StandardError; end

      # Raises Broken if the server cannot be reached.
      def initialize(address, connect_timeout:, timeout:)
        @address = address
        @timeout = timeout
        @socket = address.connect(connect_timeout)
        @buffer = +"".b
        @tube = "default"
      rescue SystemCallError, SocketError, IOError => e
        raise Broken, "#{address}: #{e.message}"
      end

      # Whether it looks as if it could be used: nothing was said, nobody has hung up.
      def usable?
        !@socket.closed? && !@socket.wait_readable(0)
      rescue IOError, SystemCallError
        false
      end

      def close
        @socket.close unless @socket.closed?
      rescue SystemCallError
        nil
      end

      # The job's number. Raises Broken, Uncertain or Refused.
      def put(tube, body, priority:, delay:, ttr:)
        use(tube)
        send_all("put #{priority} #{delay} #{ttr} #{body.bytesize}\r\n".b << body.b << "\r\n")
        reply = begin
          receive_line
        rescue Broken => e
          raise Uncertain, "#{e.message}; the job was sent, and may be in the queue or not"
        end
        inserted(reply)
      end

      private

      def use(tube)
        return if @tube == tube

        send_all("use #{tube}\r\n".b)
        reply = receive_line
        broken("#{@address} answered #{reply.inspect} to use") unless reply == "USING #{tube}"
        @tube = tube
      end

      def inserted(reply)
        word, id = reply.split(" ", 2)
        return Integer(id, 10) if word == "INSERTED"

        close
        refusal = REFUSALS.fetch(word, Refused)
        raise refusal, "#{@address} answered #{reply}: it had no memory to sort the job in, which is buried" if word == "BURIED"

        raise refusal, "#{@address} answered #{reply.inspect} to put"
      rescue ArgumentError
        close
        raise Uncertain, "#{@address} answered #{reply.inspect} to put"
      end

      # Until the last byte has been handed over the server cannot have the whole of a command.
      def send_all(bytes)
        deadline = now + @timeout
        until bytes.empty?
          written = @socket.write_nonblock(bytes, exception: false)
          if written == :wait_writable
            @socket.wait_writable([deadline - now, 0].max) or broken("#{@address} takes nothing for #{@timeout} s")
          else
            bytes = bytes.byteslice(written..-1)
          end
        end
      rescue SystemCallError, IOError => e
        broken("#{@address}: #{e.message}")
      end

      def receive_line
        deadline = now + @timeout
        until (line = @buffer.slice!(/\A[^\n]*\r\n/n))
          broken("#{@address} answers a line without an end") if @buffer.bytesize > LINE_LIMIT
          more = @socket.read_nonblock(LINE_LIMIT, exception: false)
          case more
          when :wait_readable then @socket.wait_readable([deadline - now, 0].max) or broken("#{@address} does not answer within #{@timeout} s")
          when nil then broken("#{@address} hung up")
          else @buffer << more
          end
        end
        line.chomp("\r\n")
      rescue SystemCallError, IOError => e
        broken("#{@address}: #{e.message}")
      end

      def broken(reason)
        close
        raise Broken, reason
      end

      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
