# The application's own code, which the web pages and the workers share.
require_relative '../lib/ledger'

class Resident
  def self.clear_stay(resident, stay)
    Ledger.write("clear_stay #{resident} #{stay}")
  end

  def self.census
    Ledger.write('census')
  end
end
