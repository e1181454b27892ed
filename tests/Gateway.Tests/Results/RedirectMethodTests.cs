using System.Diagnostics;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary>Clients that keep their method when they follow a <c>303</c> get the result, and change nothing.</summary>
public sealed class RedirectMethodTests
{
    private const string Cancel = "Durable:Policies:default:AllowCancel=true";
    private const string NoCurl = "no curl extension";

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("PROPFIND")]
    public async Task MethodThatIsKept_IsAnsweredAsGet_AndDoesNotCancel(string method)
    {
        await using var world = await World.StartAsync(Cancel, "Durable:Results:Wait=00:00:01");
        var url = await world.ParkAsync();
        var attempt = await world.NextAttemptAsync();
        using (var early = await SendAsync(world, method, url))
        {
            Assert.Equal(HttpStatusCode.SeeOther, early.StatusCode);
            Assert.Equal(url + "&hop=1", early.Headers.Location!.OriginalString);
        }

        attempt.Answer(201, "done");
        using var result = await SendAsync(world, method, url);
        Assert.Equal((HttpStatusCode.Created, "done"), (result.StatusCode, await result.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task OtherMethods_Are405_AndAWrongTokenIs404()
    {
        await using var world = await World.StartAsync(Cancel, World.RetryMuchLater);
        var url = await world.ParkAsync();
        var run = World.RunUrl(url);
        foreach (var (method, target, allow) in new[]
        {
            ("TRACE", url, "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"), ("GET", run, "DELETE,OPTIONS"), ("POST", run, "DELETE,OPTIONS"),
        })
        {
            using var refused = await SendAsync(world, method, target);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
            Assert.Equal(allow, string.Join(',', refused.Content.Headers.Allow));
            Assert.Contains("/_durable/problems/method-not-allowed", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            using var unknown = await SendAsync(world, method, target[..^1]);
            Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        }
    }

    [Theory]
    [InlineData("curl", "POST")]
    [InlineData("curl", "PUT")]
    [InlineData("curl", "DELETE")]
    [InlineData("php", "POST")]
    [InlineData("php", "PUT")]
    [InlineData("php", "DELETE")]
    [InlineData("java", "POST")]
    [InlineData("java", "PUT")]
    [InlineData("java", "DELETE")]
    public async Task RealClient_GetsTheResult_AcrossARedirectToItself(string client, string method)
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            // The first attempt fails. The second starts after the client was redirected from the result URL to the same URL.
            if (context.Request.Headers["Durable-Attempt"] == "1") context.Response.StatusCode = 503;
            else await context.Response.WriteAsync($"{context.Request.Method} done");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, Cancel, "Durable:Results:Wait=00:00:01",
            "Durable:Policies:default:Retry:Delay=00:00:02", "Durable:Policies:default:Retry:Jitter=false");
        Assert.Equal($"{method} done", await RunAsync(client, method, new Uri(gateway.Public, "/orders").ToString()));
    }

    [Theory]
    [InlineData("curl", "POST")]
    [InlineData("curl", "DELETE")]
    [InlineData("java", "PUT")]
    public async Task RealClient_ThatIsSentToTheOriginalPath_GetsTheResult_AndIsNotTakenForANewRequest(string client, string method)
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            if (context.Request.Headers["Durable-Attempt"] == "1") context.Response.StatusCode = 503;
            else await context.Response.WriteAsync($"{context.Request.Method} done");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, "Durable:Policies:default:ResultUrl=OriginalPath",
            "Durable:Results:Wait=00:00:01",
            "Durable:Policies:default:Retry:Delay=00:00:02", "Durable:Policies:default:Retry:Jitter=false");
        Assert.Equal($"{method} done", await RunAsync(client, method, new Uri(gateway.Public, "/shop/orders?x=1").ToString()));
        Assert.Equal([(method, "/shop/orders?x=1", "1"), (method, "/shop/orders?x=1", "2")],
            service.Seen.Select(seen => (seen.Method, seen.Target, seen["Durable-Attempt"]!)));
    }

    private static async Task<HttpResponseMessage> SendAsync(World world, string method, string url)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), url);
        if (method is "POST" or "PUT" or "PATCH") request.Content = new StringContent("{}");
        return await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
    }

    private static async Task<string> RunAsync(string client, string method, string url)
    {
        var directory = Directory.CreateTempSubdirectory("redirect");
        try
        {
            var start = new ProcessStartInfo(client) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in await ArgumentsAsync(client, method, url, directory.FullName)) start.ArgumentList.Add(argument);
            using var process = Start(start);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var (output, error) = (process.StandardOutput.ReadToEndAsync(patience.Token),
                process.StandardError.ReadToEndAsync(patience.Token));
            await process.WaitForExitAsync(patience.Token);
            Assert.True(process.ExitCode == 0, $"{await output}{await error}");
            if (await output == NoCurl) Assert.Skip("php has no curl extension on this machine");
            return (await output).Trim();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Skip($"{start.FileName} is not on this machine: {e.Message}");
            throw;
        }
    }

    private static async Task<string[]> ArgumentsAsync(string client, string method, string url, string directory)
    {
        switch (client)
        {
            case "curl":
                return ["-sS", "-L", "--max-time", "50", "-X", method, .. method == "DELETE" ? Array.Empty<string>() : ["-d", "{}"], url];
            case "php":
                var php = Path.Combine(directory, "client.php");
                await File.WriteAllTextAsync(php, """
                    <?php
                    if (!function_exists('curl_init')) { echo 'no curl extension'; exit(0); }
                    $call = curl_init($argv[2]);
                    curl_setopt_array($call, [CURLOPT_CUSTOMREQUEST => $argv[1], CURLOPT_FOLLOWLOCATION => true]);
                    curl_setopt_array($call, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 50]);
                    if ($argv[1] !== 'DELETE') curl_setopt($call, CURLOPT_POSTFIELDS, '{}');
                    $text = curl_exec($call);
                    if ($text === false) { fwrite(STDERR, curl_error($call)); exit(1); }
                    echo $text;
                    """);
                return [php, method, url];
            default:
                var java = Path.Combine(directory, "Client.java");
                await File.WriteAllTextAsync(java, """
                    import java.net.*;
                    class Client {
                        public static void main(String[] args) throws Exception {
                            var call = (HttpURLConnection) new URL(args[1]).openConnection();
                            call.setRequestMethod(args[0]);
                            if (!args[0].equals("DELETE")) {
                                call.setDoOutput(true);
                                call.getOutputStream().write("{}".getBytes());
                            }
                            System.out.write(call.getInputStream().readAllBytes());
                            System.out.flush();
                        }
                    }
                    """);
                return [java, method, url];
        }
    }
}
