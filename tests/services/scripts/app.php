<?php
// A PHP application for PHP's own server: php -S 127.0.0.1:<port> app.php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
switch ($path) {
    case '/redirect':
        header('Location: /echo?from=redirect', true, 302);
        setcookie('seen', 'yes', ['path' => '/', 'httponly' => true]);
        setcookie('other', 'a b', ['path' => '/']);
        break;
    case '/download':
        header('Content-Type: application/octet-stream');
        header("Content-Disposition: attachment; filename=\"gr\xFC\xDFe.bin\"");
        header('Content-Length: 3000000');
        for ($i = 0; $i < 300; $i++) echo str_repeat(chr($i % 256), 10000);
        break;
    case '/stream':
        header('Content-Type: text/plain');
        for ($i = 0; $i < 20; $i++) { echo "line $i\n"; flush(); }
        break;
    case '/status':
        http_response_code((int)$_GET['code']);
        header('X-Reason: on purpose');
        if ((int)$_GET['code'] >= 500) header('Durable-Retry: ?0');
        if (!in_array((int)$_GET['code'], [204, 304])) echo 'status ' . $_GET['code'];
        break;
    case '/login':
        if (($_SERVER['PHP_AUTH_USER'] ?? '') !== 'ann' || $_SERVER['PHP_AUTH_PW'] !== "p:\u{e4}") {
            header('WWW-Authenticate: Basic realm="app"', true, 401);
            echo 'who are you';
        } else {
            echo 'hello ann';
        }
        break;
    case '/session':
        session_name('APP');
        session_start();
        $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
        echo 'visit ' . $_SESSION['visits'];
        break;
    case '/slow':
        // The first request waits for so long that the process is killed in the meantime.
        $journal = getenv('JOURNAL');
        file_put_contents($journal, file_get_contents('php://input') . "\n", FILE_APPEND);
        if (count(file($journal)) === 1) sleep(600);
        header('Content-Type: text/plain');
        echo 'report on ' . file_get_contents('php://input') . ', made by attempt ' . count(file($journal));
        break;
    default:
        $headers = array_filter(getallheaders(), fn ($name) => !preg_match('/^(durable-|x-forwarded-|traceparent|tracestate|baggage|idempotency-key|connection$|transfer-encoding$)/i', $name), ARRAY_FILTER_USE_KEY);
        ksort($headers);
        $files = array_map(fn ($file) => [$file['name'], $file['type'], $file['size'], hash_file('sha256', $file['tmp_name'])], $_FILES);
        header('Content-Type: application/json');
        echo json_encode([
            'method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'], 'query' => $_SERVER['QUERY_STRING'] ?? null,
            'host' => $_SERVER['HTTP_HOST'], 'remote' => $_SERVER['REMOTE_ADDR'], 'get' => $_GET, 'post' => $_POST, 'cookies' => $_COOKIE,
            'files' => $files, 'headers' => $headers, 'body' => strlen($input = file_get_contents('php://input')) . ' ' . hash('sha256', $input),
        ], JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES);
}
