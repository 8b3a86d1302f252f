# frozen_string_literal: true

module Ayl
  # Models: the code finds the record again, whatever default scope its class has.
  module InstanceExtensions
    def to_rrepr
      raise NotRepresentable, "a #{self.class} that is not saved cannot be sent" if id.nil?

      method = respond_to?(:get_cache) ? "get_cache" : "find"
      "#{self.class.to_rrepr}.unscoped.#{method}(#{Rrepr.of(id)})"
    end
  end

  # ActiveRecord's, whenever it is loaded.
  module Models
    def self.extend_active_record(base)
      base.include(Extensions, InstanceExtensions)
    end
  end
end

if defined?(ActiveSupport) && ActiveSupport.respond_to?(:on_load)
  ActiveSupport.on_load(:active_record) { Ayl::Models.extend_active_record(self) }
elsif defined?(ActiveRecord::Base)
  Ayl::Models.extend_active_record(ActiveRecord::Base)
end
