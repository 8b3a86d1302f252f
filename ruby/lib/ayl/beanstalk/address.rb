# frozen_string_literal: true

require "socket"

module Ayl
  module Beanstalk
    # Where a beanstalkd listens: `HOST`, `HOST:PORT`, `[::1]:PORT`, `unix:/PATH` or `/PATH`.
    class Address
      DEFAULT_PORT = 11_300

      # `text` has one, or several separated by commas; or it is a list of such.
      def self.list(text)
        addresses = Array(text).flat_map { |part| part.to_s.split(",") }.map { |part| new(part.strip) }
        raise ConfigurationError, "no beanstalkd is named: write HOST, HOST:PORT or unix:/PATH" if addresses.empty?

        addresses
      end

      def initialize(text)
        @text = text
        if text.start_with?("unix:/", "/")
          @path = text.delete_prefix("unix:")
        else
          @host, port = split(text)
          @port = port ? Integer(port, 10) : DEFAULT_PORT
          raise ArgumentError unless @port.between?(1, 65_535) && /\A[A-Za-z0-9\-._:%]+\z/.match?(@host)
        end
      rescue ArgumentError, TypeError
        raise ConfigurationError, "#{text.inspect} is no beanstalkd's address: write HOST, HOST:PORT or unix:/PATH"
      end

      def to_s
        @text
      end

      # A connected socket; raises SystemCallError or SocketError.
      def connect(timeout)
        return UNIXSocket.new(@path) if @path

        Socket.tcp(@host, @port, connect_timeout: timeout).tap do |socket|
          socket.setsockopt(:TCP, :NODELAY, true)
          socket.setsockopt(:SOCKET, :KEEPALIVE, true)
        end
      end

      private

      # More than one colon is an IPv6 address, whose port stands behind brackets.
      def split(text)
        return [$1, $2] if text =~ /\A\[(.+)\](?::(.*))?\z/

        text.count(":") == 1 ? text.split(":", 2) : [text, nil]
      end
    end
  end
end
