# frozen_string_literal: true

module Ayl
  # Which tube an application's jobs go to: AYL_TUBE, else what the supervisor makes of the same folder,
  # `{app}-{version}`, so that whoever puts jobs and the workers of the same code always agree.
  module Tube
    # What the version is read from, the first that is there.
    VERSION_FILES = %w[VERSION REVISION].freeze

    # beanstalkd's rule for names.
    NAME = %r{\A(?!-)[A-Za-z0-9\-+/;.$_()]{1,200}\z}.freeze

    # The supervisor's rules for applications and versions.
    APPLICATION = /\A[A-Za-z0-9][A-Za-z0-9\-_.]{0,63}\z/.freeze
    VERSION = /\A[A-Za-z0-9][A-Za-z0-9\-_.+]{0,63}\z/.freeze

    # The most that is read of a version file, in bytes.
    LIMIT = 4096

    class << self
      # `default` for an application that has not been named: the old gem's behaviour.
      def of(application, version, path)
        return "default" unless application
        raise ConfigurationError, "#{application.inspect} is no name of an application" unless APPLICATION.match?(application)

        "#{application}-#{version || read_version(path)}"
      end

      def valid?(name)
        name.is_a?(String) && NAME.match?(name)
      end

      # What is in the first of VERSION and REVISION in `path`.
      def read_version(path)
        file = VERSION_FILES.map { |name| File.join(path, name) }.find { |name| File.file?(name) }
        raise ConfigurationError, "no version: neither VERSION nor REVISION in #{path}" unless file

        version = File.read(file, LIMIT).to_s.strip
        raise ConfigurationError, "#{file}: #{version[0, 80].inspect} is no version" unless VERSION.match?(version)

        version
      end
    end
  end
end
