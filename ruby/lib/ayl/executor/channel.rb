# frozen_string_literal: true

require "fcntl"
require "io/wait"
require "json"
require "socket"

module Ayl
  module Executor
    # The executor's end of the protocol (docs/executor.md): frames of four bytes of length and JSON.
    #
    # The socket is moved to a high number, out of the way of what jobs do with low ones, and is close-on-exec.
    class Channel
      # The longest frame that is read or written, in bytes.
      LIMIT = 16 * 1024 * 1024

      # How much is read at once, in bytes.
      AT_ONCE = 16 * 1024

      # From this number on the socket is put. Where fewer descriptors are allowed it stays where it was.
      OUT_OF_THE_WAY = 100

      # Linux's number, which Ruby's Fcntl does not know.
      F_DUPFD_CLOEXEC = 1030

      # The other side broke the protocol, or is not the other side at all.
      class Violation < StandardError; end

      # Takes over descriptor number `number`; nobody else may use or close it afterwards.
      def self.take(number)
        given = IO.for_fd(number, autoclose: false)
        moved = given.fcntl(F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
        IO.for_fd(number).close
        new(UNIXSocket.for_fd(moved))
      rescue Errno::EINVAL, Errno::EMFILE
        new(UNIXSocket.for_fd(number))
      end

      def initialize(socket)
        @socket = socket
        @socket.close_on_exec = true
        # Waiting in the system call itself costs one of them a frame, and not three.
        @socket.fcntl(Fcntl::F_SETFL, @socket.fcntl(Fcntl::F_GETFL) & ~File::NONBLOCK)
        @buffer = +"".b
      end

      # The next frame as a Hash, or nil at the end.
      def read
        return nil unless have(4)

        length = @buffer.unpack1("N")
        raise Violation, "a frame of #{length} bytes" unless length.between?(2, LIMIT)
        raise Violation, "the end came inside a frame" unless have(4 + length)

        decode(@buffer.slice!(0, 4 + length).byteslice(4, length))
      rescue Errno::ECONNRESET
        nil
      end

      # Writes one frame with one system call.
      def write(frame)
        json = JSON.generate(frame).b
        @socket.write([json.bytesize].pack("N") << json)
      end

      def close
        @socket.close unless @socket.closed?
      end

      private

      # Reads until there are so many bytes: mostly a whole frame at once. False at the end, where no frame is begun.
      def have(count)
        @buffer << @socket.readpartial([AT_ONCE, count - @buffer.bytesize].max) while @buffer.bytesize < count
        true
      rescue EOFError
        raise Violation, "the end came inside a frame" unless @buffer.empty?

        false
      end

      def decode(text)
        frame = JSON.parse(text.force_encoding(Encoding::UTF_8))
        raise Violation, "a frame that is no object" unless frame.is_a?(Hash)

        frame
      rescue JSON::ParserError => e
        raise Violation, "a frame that is not JSON: #{e.message[0, 200]}"
      end
    end
  end
end
