# frozen_string_literal: true

module Ayl
  # Runs messages in this process, for the synchronous engine.
  class Worker
    include Ayl::Logging

    # Where code is evaluated; the top level unless it is set.
    attr_accessor :eval_binding

    def process_messages
      logger.error "Attempt to invoke #{self.class.name}.process_messages failed"
      raise Error, "synchronous worker cannot receive messages"
    end

    def process_message(message)
      message.evaluate(@eval_binding || TOPLEVEL_BINDING.dup)
    end
  end
end
