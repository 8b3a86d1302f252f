# The application's own code, which the web pages and the workers share.
require_relative '../lib/ledger'

class Report
  def self.build(name)
    Ledger.write("build #{name}")
  end
end
