# frozen_string_literal: true

require "socket"

module Ayl
  module Preloader
    # What a service says to its supervisor (sd_notify).
    class Notify
      # `address` is a path, a name that begins with @ for an abstract one, or nil: nobody is listening.
      def initialize(address)
        @address = address
      end

      def say(lines)
        return unless @address

        socket = Socket.new(:UNIX, :DGRAM)
        socket.sendmsg_nonblock(lines, 0, Socket.sockaddr_un(@address.sub(/\A@/, "\0")))
      rescue IO::WaitWritable, SystemCallError => e
        warn "ayl_preloader: cannot tell the supervisor: #{e.message}"
      ensure
        socket&.close
      end
    end
  end
end
