# frozen_string_literal: true

module Ayl
  # A call, as Ruby code, and how it is to be handled: docs/messages.md.
  class Message
    # What may follow a dot and be a method's name.
    SELECTOR = /\A(?:[A-Za-z_\u0080-\u{10FFFF}][\w\u0080-\u{10FFFF}]*[?!=]?|\[\]=?|\*\*|[!=]~|={2,3}|<=>|[<>]=?|<<|>>|!=|[+\-]@|[+\-*\/%&|^~!`])\z/.freeze

    attr_accessor :object, :selector, :options, :arguments
    attr_reader :code

    # The class of an ActiveJob, nil for a plain call.
    attr_accessor :active_job

    # `args` may end in keywords, if the caller has passed them on by ruby2_keywords.
    def initialize(object, selector, opts, *args)
      @object = object
      @selector = selector
      @options = opts
      @arguments = args
    end
    ruby2_keywords :initialize

    class << self
      # A message of code that is there already.
      def of_code(code, options = MessageOptions.new, active_job: nil)
        new(nil, nil, options).tap do |message|
          message.active_job = active_job
          message.send(:code=, code)
        end
      end

      # A message as it came from a body. Raises UnrecoverableMessageException if it is none.
      def from_hash(hash)
        raise UnrecoverableMessageException, "parameter must be a hash" unless hash.is_a?(Hash)
        raise UnrecoverableMessageException, "not a valid message hash" if hash["type"] != "ayl" || !hash["code"].is_a?(String)

        of_code(hash["code"], active_job: hash["active_job"]).tap do |message|
          message.send(:message_hash=, hash)
          options = message.options
          handler = hash["failed_job_handler"] or next
          options.failed_job_handler = handler
          next unless handler == "decay"

          options.failed_job_count = hash["failed_job_count"] if hash["failed_job_count"]
          options.failed_job_delay = hash["failed_job_delay"] if hash["failed_job_delay"]
        end
      end
    end

    # The code.
    def to_rrepr
      @code ||= new_code
    end

    def to_hash
      @message_hash ||= new_message_hash
    end

    # The job's body for `tube`, signed if there is a key.
    def to_body(tube = options.queue_name)
      hash = to_hash
      keys = Signature.keys
      hash = hash.merge(signature: Signature.of(self, tube, keys)) if keys
      JSON.generate(hash)
    end

    def evaluate(top_binding)
      code = to_rrepr
      top_binding.eval(code, code, 1)
    end

    private

    attr_writer :message_hash, :code

    def new_code
      name = @selector.to_s
      raise NotRepresentable, "#{name.inspect} is no name of a method" unless SELECTOR.match?(name)

      "#{Rrepr.of(@object)}.#{name}(#{Rrepr.arguments(@arguments)})"
    end

    def new_message_hash
      hash = { type: "ayl", failed_job_handler: options.failed_job_handler, code: to_rrepr }
      if options.failed_job_handler == "decay"
        hash[:failed_job_count] = options.failed_job_count
        hash[:failed_job_delay] = options.failed_job_delay
      end
      hash[:active_job] = active_job if active_job
      hash
    end
  end
end
