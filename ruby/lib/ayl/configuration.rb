# frozen_string_literal: true

module Ayl
  # What an application says about its jobs, once, in an initializer:
  #
  #     Ayl.configure do |ayl|
  #       ayl.application = "abaqis"            # AYL_APP
  #       ayl.beanstalk = "queue-a,queue-b"     # AYL_BEANSTALK
  #       ayl.unreachable = :spool
  #       ayl.spool = "/var/www/abaqis/shared/ayl.spool"
  #     end
  #
  # The environment wins over `application`, `version`, `beanstalk` and `signing_keys`: it is the supervisor's word.
  class Configuration
    UNREACHABLE = %i[synchronous raise spool].freeze
    UNCERTAIN = %i[raise log].freeze

    # The application's name; nil: jobs go to the tube `default`.
    attr_writer :application

    # The code's version, if it is not in a file VERSION or REVISION of `path`.
    attr_writer :version

    # The application's folder; the working directory, and in Rails its root, unless told otherwise.
    attr_writer :path

    # Servers, as `HOST:PORT,unix:/PATH`, or as a list of such. nil: no queue, calls are made at once.
    attr_writer :beanstalk

    # The key file of docs/signing.md. nil: messages are not signed.
    attr_writer :signing_keys

    # What becomes of a call when no server can be reached.
    attr_reader :unreachable

    # What becomes of a call whose answer was lost.
    attr_reader :uncertain

    # The file that calls are kept in with `unreachable = :spool`.
    attr_accessor :spool

    # Seconds until a server that does not answer counts as away: to connect, and for each answer.
    attr_accessor :connect_timeout, :timeout

    # ActiveJob's queue => tube; nil for the application's own tube. A queue that is not here is a tube itself,
    # and `default` is the application's.
    attr_accessor :queues

    def initialize
      @unreachable = :synchronous
      @uncertain = :raise
      @connect_timeout = 1.0
      @timeout = 5.0
      @queues = {}
    end

    def application
      from_environment("AYL_APP") || @application
    end

    def version
      from_environment("AYL_VERSION") || @version
    end

    def path
      @path || Dir.pwd
    end

    def beanstalk
      from_environment("AYL_BEANSTALK") || @beanstalk
    end

    def signing_keys
      from_environment("AYL_SIGNING_KEYS") || @signing_keys
    end

    def unreachable=(policy)
      @unreachable = one_of(UNREACHABLE, policy, "unreachable")
    end

    def uncertain=(policy)
      @uncertain = one_of(UNCERTAIN, policy, "uncertain")
    end

    # Read once: a process goes on with the code it has loaded, whatever is deployed over it.
    def tube
      @tube ||= (from_environment("AYL_TUBE") || Tube.of(application, version, path)).freeze
    end

    private

    def from_environment(name)
      value = ENV[name]
      value unless value.nil? || value.empty?
    end

    def one_of(allowed, value, name)
      return value.to_sym if value.respond_to?(:to_sym) && allowed.include?(value.to_sym)

      raise ConfigurationError, "#{name} is #{value.inspect}, expected one of: #{allowed.join(", ")}"
    end
  end

  class << self
    def configuration
      @configuration ||= Configuration.new
    end

    # Gives the configuration to the block and forgets what was made of an earlier one.
    def configure
      yield configuration if block_given?
      reset
      configuration
    end

    # The tube that jobs go to which name none.
    def tube
      configuration.tube
    end

    def application=(name)
      configure { |ayl| ayl.application = name }
    end

    # Everything that is made from the configuration is made anew when it is next needed.
    def reset
      configuration.remove_instance_variable(:@tube) if configuration.instance_variable_defined?(:@tube)
      Engine.forget_default
      Signature.forget_keys
    end
  end
end
