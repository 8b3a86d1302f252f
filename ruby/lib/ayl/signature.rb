# frozen_string_literal: true

require "securerandom"

module Ayl
  # Signed messages: docs/signing.md.
  module Signature
    SCHEME = "ayl-signature-1"

    # Seconds a message is good for, beyond its delay.
    LIFETIME = 7 * 24 * 60 * 60

    # What a key's name may be.
    KID = /\A[A-Za-z0-9._-]{1,64}\z/.freeze

    # The least that a key may have, in bytes.
    KEY_BYTES = 32

    # The key that signs.
    Keys = Struct.new(:kid, :key)

    class << self
      # The signing key, or nil if there is no key file.
      def keys
        return @keys if defined?(@keys) && @keys

        path = Ayl.configuration.signing_keys
        @keys = path && read(path)
      end

      def forget_keys
        @keys = nil
      end

      # The value of the key `signature`, for `message` put on `tube`.
      def of(message, tube, keys, now: Time.now.to_i, jti: SecureRandom.hex(16))
        hash = message.to_hash
        expires = now + message.options.delay.to_i + LIFETIME
        parts = { kid: keys.kid, jti: jti, iat: now, exp: expires, aud: tube }
        parts.merge(mac: mac(keys.key, parts, hash))
      end

      # What is signed is what a reader takes from the message, and not how it is written.
      def mac(key, parts, hash)
        require "openssl"
        OpenSSL::HMAC.hexdigest("SHA256", key, input(parts, hash))
      end

      # The bytes under the MAC.
      def input(parts, hash)
        fields = [SCHEME, *parts.values_at(:kid, :jti, :iat, :exp, :aud),
                  *hash.values_at(:failed_job_handler, :failed_job_count, :failed_job_delay, :code)]
        fields.map { |field| [field.to_s.bytesize].pack("N") + field.to_s.b }.join
      end

      private

      def read(path)
        File.open(path) do |file|
          stat = file.stat
          owner = [0, Process.euid].include?(stat.uid)
          raise ConfigurationError, "#{path}: it must belong to root or to its reader, and nobody else may have any right to it (0600)" unless owner && (stat.mode & 0o077).zero?

          signing_key(path, file.read)
        end
      rescue SystemCallError => e
        raise ConfigurationError, "the signing keys cannot be read: #{e.message}"
      end

      def signing_key(path, text)
        found = text.each_line.with_index(1).map { |line, number| entry("#{path}:#{number}", line) }.compact
        signing = found.select { |use, _| use == "sign" }
        raise ConfigurationError, "#{path}: #{signing.size} keys are to sign, expected one" unless signing.size == 1

        signing.first.last
      end

      # One line: [use, Keys], or nil for none.
      def entry(place, line)
        return if line.strip.empty? || line.start_with?("#")

        kid, use, hex, *more = line.split
        good = more.empty? && KID.match?(kid) && %w[sign verify].include?(use) && /\A(\h\h){#{KEY_BYTES},}\z/.match?(hex.to_s)
        raise ConfigurationError, "#{place}: expected NAME, sign or verify, and a key of at least #{KEY_BYTES} bytes in hexadecimal" unless good

        [use, Keys.new(kid, [hex].pack("H*"))]
      end
    end
  end
end
