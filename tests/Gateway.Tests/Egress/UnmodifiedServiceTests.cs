using System.Diagnostics;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>
/// Services that know nothing of the gateway, each with a checkout of three calls, which fail between and within the calls. What they
/// call carries out every call that reaches it, as services without idempotency keys do.
/// </summary>
public sealed class UnmodifiedServiceTests
{
    private const int Orders = 20;

    /// <summary>A checkout fails the first time before its first call, or after one, two or three of them.</summary>
    private const int Places = 4;

    /// <summary>ASP.NET Core and its <see cref="HttpClient"/>, as they are.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AspNetCore_HasEachEffectOnce_AndTwiceWithoutTheListener(bool throughListener)
    {
        Uri? target = null;
        var failed = new HashSet<string>();
        using var client = new HttpClient();
        var builder = WebApplication.CreateSlimBuilder();

        // As it is where no configuration says otherwise: that of the gateway is in the directory of the tests.
        builder.Configuration["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "Critical";
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Critical);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapPost("/order/{number:int}", async (int number) =>
        {
            bool isFirst;
            lock (failed) isFirst = failed.Add($"{number}");
            var made = 0;
            foreach (var call in new[] { "charges", "labels", "mails" })
            {
                if (isFirst && made == number % Places) throw new InvalidOperationException("The service crashes.");
                using var answer = await client.PostAsync(new Uri(target!, $"/payments/{call}"), new StringContent($"{number}"));
                answer.EnsureSuccessStatusCode();
                made++;
            }

            if (isFirst && made == number % Places) throw new InvalidOperationException("The service crashes.");
            return "done";
        });
        await app.StartAsync();
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        await using var gateway = await GatewayHost.StartAsync(app.Urls.First(), Checkout.Settings(payments.Url));
        target = throughListener ? gateway.Egress : new Uri(payments.Url);

        await PlaceAsync(gateway, payments, throughListener);
    }

    /// <summary>
    /// Python's standard library, and one copied header. With <c>HTTP_PROXY</c>, the service calls the name that it has always called.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Python_WithOneCopiedHeader_HasEachEffectOnce(bool byHttpProxy)
    {
        if (!File.Exists("/usr/bin/python3")) Assert.Skip("python3 is not installed");
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        var (egress, port) = (new Uri($"http://127.0.0.1:{FreePort.Next()}"), FreePort.Next());
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", Program, $"{port}",
            byHttpProxy ? $"http://{Forwarding.Host}/payments/" : $"{egress}payments/"])
        {
            RedirectStandardError = true,
            Environment = { ["HTTP_PROXY"] = byHttpProxy ? egress.AbsoluteUri : null },
        })!;
        try
        {
            using var probe = new HttpClient();
            await Eventually.TrueAsync(async () =>
            {
                try
                {
                    return (await probe.GetAsync(new Uri($"http://127.0.0.1:{port}/"))).StatusCode != 0;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            }, "the service is ready");
            await using var gateway = await GatewayHost.StartAsync($"http://127.0.0.1:{port}",
                [.. Checkout.Settings(payments.Url), .. Forwarding.Route, $"Durable:Listeners:Egress={egress.AbsoluteUri.TrimEnd('/')}"]);

            await PlaceAsync(gateway, payments, throughListener: true);
        }
        finally
        {
            python.Kill();
            await python.WaitForExitAsync();
        }
    }

    private const string Program = """
        import sys, threading, urllib.request
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        failed, lock = set(), threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                self.answer(200)

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                number = int(self.path.rsplit("/", 1)[1])
                with lock:
                    first = number not in failed
                    failed.add(number)
                for made, call in enumerate(["charges", "labels", "mails", None]):
                    if first and made == number % 4:
                        self.close_connection = True
                        return
                    if call is None:
                        break
                    request = urllib.request.Request(sys.argv[2] + call, data=str(number).encode())
                    request.add_header("Durable-Egress-Token", self.headers["Durable-Egress-Token"])
                    with urllib.request.urlopen(request) as response:
                        response.read()
                self.answer(200)

        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """;

    private static async Task PlaceAsync(GatewayHost gateway, TestService payments, bool throughListener)
    {
        for (var number = 0; number < Orders; number++)
        {
            using var result = await gateway.Follower.PostAsync($"/order/{number}", new StringContent(""));
            Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        }

        // Without the listener, each call that was made before the failure is made again.
        var repeated = Enumerable.Range(0, Orders).Sum(number => number % Places);
        Assert.Equal(throughListener ? 3 * Orders : (3 * Orders) + repeated, payments.Seen.Count);
        Assert.Equal(3 * Orders, payments.Seen
            .Select(call => $"{call.Target.Split('/')[^1]} {System.Text.Encoding.UTF8.GetString(call.Body)}").Distinct().Count());
    }
}
