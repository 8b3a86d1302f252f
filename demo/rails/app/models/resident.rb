# frozen_string_literal: true

# Somebody who lives in the home.
class Resident < ApplicationRecord
  has_many :stays

  # Later, by a worker: `resident.ayl_send(:clear_stay, 3, stay)`.
  def clear_stay(days, stay)
    # One statement, which waits for SQLite's lock: a transaction that reads before it writes, as
    # `update!` has to for its validation, is refused at once when two jobs do that together.
    stay.update_column(:cleared, days)
    Note.create!(text: "#{name}: stay #{stay.id} cleared after #{days} days")
  end

  # A job that takes its time: longer than its ttr, if it is told to.
  def self.census(seconds)
    sleep seconds
    Note.create!(text: "census of #{count} after #{seconds} s")
  end

  # A job that takes its executor with it: no exception, no answer.
  def self.poison
    Process.kill(:KILL, Process.pid)
  end
end
