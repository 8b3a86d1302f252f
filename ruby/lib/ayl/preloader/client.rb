# frozen_string_literal: true

module Ayl
  module Preloader
    # One connection: a worker that wants an executor, and then the executor's parent's word on how it ended.
    #
    #     asking ── fork ──► forked ── watched ──► reaped: `exited` is sent
    #                           └── the worker goes ──► GRACE, then SIGKILL
    class Client
      # The longest frame taken from a worker.
      LIMIT = 64 * 1024

      # Seconds an executor has to follow its worker before it is killed.
      GRACE = 10

      # The executor's end of its socketpair, stdout, stderr, and what it dies with.
      DESCRIPTORS = 4

      attr_reader :socket, :deadline

      def initialize(socket)
        @socket = socket
        @buffer = +"".b
        @descriptors = []
        @pid = nil
        @watched = false
      end

      # The next whole frame, or nil if there is none yet, or no more. Never waits.
      def receive
        data, _, _, *controls = @socket.recvmsg_nonblock(LIMIT + 4, 0, nil, scm_rights: true, exception: false)
        return if data == :wait_readable

        controls&.each { |control| take(control) }
        return hang_up if data.nil? || data.empty?

        @buffer << data
        frame
      rescue Errno::ECONNRESET
        hang_up
      end

      def forked(pid)
        @pid = pid
        close_descriptors
        say("type" => "forked", "pid" => pid)
      end

      def watched
        @watched = true
      end

      def refuse(why)
        warn "ayl_preloader: refused: #{why}"
        say("type" => "refused", "message" => Executor::Outcome.text(why, 4096))
        hang_up
      end

      # Reaps the executor once it may be reaped; kills it once its worker has been away for too long.
      def look_after_child
        return unless @pid && (@watched || closed?)

        if Process.wait(@pid, Process::WNOHANG)
          status = $?
          say({ "type" => "exited" }.merge(status.signaled? ? { "signal" => status.termsig } : { "status" => status.exitstatus }))
          @pid = nil
          hang_up
        elsif @deadline && Process.clock_gettime(Process::CLOCK_MONOTONIC) >= @deadline
          Process.kill("KILL", @pid)
          @deadline = nil
        end
      rescue Errno::ECHILD
        # Somebody else's `wait` in the application took it.
        @pid = nil
        hang_up
      end

      def closed?
        @socket.closed?
      end

      def done?
        closed? && @pid.nil?
      end

      # In the child: its descriptors, which are no longer this client's.
      def surrender
        @descriptors.slice!(0..-1)
      end

      # In the child: none of this is its own.
      def abandon
        @socket.close unless closed?
        close_descriptors
      end

      private

      def take(control)
        return unless control.cmsg_is?(:SOCKET, :RIGHTS)

        control.unix_rights.each do |io|
          io.close_on_exec = true
          @descriptors << io
        end
      end

      def frame
        return if @buffer.bytesize < 4

        length = @buffer.unpack1("N")
        raise Executor::Channel::Violation, "a frame of #{length} bytes" unless length.between?(2, LIMIT)
        return if @buffer.bytesize < 4 + length

        text = @buffer.slice!(0, 4 + length).byteslice(4..-1)
        check(JSON.parse(text.force_encoding(Encoding::UTF_8)))
      rescue JSON::ParserError
        raise Executor::Channel::Violation, "a frame that is not JSON"
      end

      def check(frame)
        expected = @pid ? "watched" : "fork"
        type = frame["type"] if frame.is_a?(Hash)
        raise Executor::Channel::Violation, "expected #{expected}, not #{type.inspect}" unless type == expected
        return frame if @pid

        unless frame["protocol"] == Executor::PROTOCOL
          raise Executor::Channel::Violation, "protocol #{frame["protocol"].inspect} is not known here, only #{Executor::PROTOCOL}"
        end
        unless @descriptors.size == DESCRIPTORS
          raise Executor::Channel::Violation, "#{@descriptors.size} descriptors came with fork, expected #{DESCRIPTORS}"
        end
        unless [frame["path"], frame["require"]].all?(String) && (frame["env"] || {}).is_a?(Hash)
          raise Executor::Channel::Violation, "fork needs path, require and env"
        end
        frame
      end

      def say(frame)
        return if closed?

        json = JSON.generate(frame).b
        @socket.write_nonblock([json.bytesize].pack("N") << json)
      rescue IO::WaitWritable, Errno::EPIPE, Errno::ECONNRESET
        hang_up
      end

      def hang_up
        @socket.close unless closed?
        close_descriptors
        @deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + GRACE if @pid
        nil
      end

      def close_descriptors
        @descriptors.each { |io| io.close unless io.closed? }
        @descriptors.clear
      end
    end
  end
end
