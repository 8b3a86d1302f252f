# frozen_string_literal: true

# What a resident has of a bed. Cleared ones are seldom wanted: jobs find them all the same.
class Stay < ApplicationRecord
  belongs_to :resident

  default_scope { where(cleared: nil) }
end
