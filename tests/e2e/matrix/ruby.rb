# Ruby's Net::HTTP: two plain calls and a streamed one on one connection.
require 'json'
require 'net/http'

uri = URI(ENV['URL'])
stream = { stream: true, stream_options: { include_usage: true } }
Net::HTTP.start(uri.host, 443, use_ssl: true) do |http|
  [{}, {}, stream].each do |more|
    request = Net::HTTP::Post.new('/v1/chat/completions',
                                  'authorization' => "Bearer #{ENV['OPENAI_API_KEY']}",
                                  'content-type' => 'application/json', 'user-agent' => ENV['AGENT'])
    request.body = { messages: [{ role: 'user', content: ENV['PROMPT'] }],
                     model: 'gpt-4o-mini', **more }.to_json
    http.request(request).value
  end
end
