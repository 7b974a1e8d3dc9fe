<?php
// PHP's clients: php.php curl|stream makes two plain calls and a streamed one.
$url = getenv('URL') . '/v1/chat/completions';
$headers = ['authorization: Bearer ' . getenv('OPENAI_API_KEY'),
            'content-type: application/json', 'user-agent: ' . getenv('AGENT')];
$stream = ['stream' => true, 'stream_options' => ['include_usage' => true]];
$curl = $argv[1] === 'curl' ? curl_init($url) : null;

foreach ([[], [], $stream] as $more) {
    $body = json_encode(['messages' => [['role' => 'user', 'content' => getenv('PROMPT')]],
                         'model' => 'gpt-4o-mini'] + $more);
    if ($curl) {
        curl_setopt_array($curl, [CURLOPT_POSTFIELDS => $body, CURLOPT_HTTPHEADER => $headers,
                                  CURLOPT_RETURNTRANSFER => true]);
        $answer = curl_exec($curl);
    } else {
        $context = stream_context_create(['http' => [
            'method' => 'POST', 'header' => $headers, 'content' => $body,
            'protocol_version' => '1.1']]);
        $answer = file_get_contents($url, false, $context);
    }
    if ($answer === false) {
        exit(1);
    }
}
