using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>Outcomes in headers never make a service refuse a replay that it would accept without them.</summary>
public sealed class InlinedStepsTests
{
    private const int Steps = 8;
    private static readonly string Outcome = $"\"{new string('o', 350)}\"";

    /// <summary>Node accepts 16 KiB of headers in total, other servers accept 8 KiB.</summary>
    [Theory]
    [InlineData(16 * 1024, 13_000, "8 KiB", 2)]
    [InlineData(16 * 1024, 1_000, "8 KiB", 2)]
    [InlineData(8 * 1024, 5_000, "8 KiB", 2)]
    [InlineData(8 * 1024, 7_000, "8 KiB", 2)]
    [InlineData(16 * 1024, 13_000, "64 KiB", 3)]
    [InlineData(8 * 1024, 5_000, "64 KiB", 3)]
    public async Task NodeService_TakesTheReplay(int limit, int cookie, string budget, int attempts)
    {
        await using var node = await NodeService.StartAsync(limit);
        await using var gateway = await GatewayHost.StartAsync(node.Url, $"Durable:Policies:default:InlineHeaderBytes={budget}");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        request.Headers.Add("Cookie", "c=" + new string('c', cookie));

        using var answer = await gateway.Follower.SendAsync(request);

        var seen = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((attempts.ToString(CultureInfo.InvariantCulture), Steps.ToString(CultureInfo.InvariantCulture)),
            (seen.GetProperty("attempt").GetString(), seen.GetProperty("count").GetString()));
        if (attempts > 2 || cookie > 8_000) Assert.Equal(0, seen.GetProperty("inlined").GetInt32());
        else Assert.NotEqual(0, seen.GetProperty("inlined").GetInt32());
    }

    [Theory]
    [InlineData(400)]
    [InlineData(431)]
    public async Task ReplayRefusedForItsHeaders_IsSentOnceMoreWithoutSteps_AndCountsNoFailure(int status)
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:MaxAttempts=2");
        var first = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Created, (await first.PutAsync("one")).Status);
        first.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var second = await world.NextAttemptAsync();
        Assert.Equal(("2", "1"), (second.Request["Durable-Attempt"], second.Request["Durable-Step-Count"]));
        Assert.NotNull(second.Request["Durable-Steps"]);
        second.Answer(status);

        var third = await world.NextAttemptAsync();

        Assert.Equal(("3", "1", null),
            (third.Request["Durable-Attempt"], third.Request["Durable-Step-Count"], third.Request["Durable-Steps"]));

        // An outcome resets the count of failures. The refused attempt did not count as one.
        Assert.Equal(second.Request["Durable-Final-Attempt"], third.Request["Durable-Final-Attempt"]);
        Assert.Equal(HttpStatusCode.Created, (await third.PutAsync("two")).Status);
        third.Answer(503);

        var fourth = await world.NextAttemptAsync();
        Assert.Equal(("4", "2", null),
            (fourth.Request["Durable-Attempt"], fourth.Request["Durable-Step-Count"], fourth.Request["Durable-Steps"]));
        fourth.Answer(status, "no");

        // A response of the service to a request without outcomes in the headers is the result.
        using var result = await world.Gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal((status, "no"), ((int)result.StatusCode, await result.Content.ReadAsStringAsync()));
    }

    /// <summary>A service on Node without libraries: it has eight steps, and its first attempt fails.</summary>
    private sealed class NodeService : IAsyncDisposable
    {
        private const string Script = """
            const http = require('node:http');
            http.createServer(async (request, response) => {
              const { 'durable-callback': callback, 'durable-token': token, 'durable-attempt': attempt } = request.headers;
              if (attempt === '1') {
                for (let step = 0; step < COUNT; step++)
                  await fetch(`${callback}/steps/step-${step}`,
                    { method: 'PUT', body: OUTCOME, headers: { 'Durable-Token': token, 'Content-Type': 'application/json' } });
                response.writeHead(503).end();
                return;
              }
              response.setHeader('Content-Type', 'application/json');
              const { 'durable-step-count': count, 'durable-steps': steps = '' } = request.headers;
              response.end(JSON.stringify({ attempt, count, inlined: steps.length }));
            }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
            """;

        private readonly Process _process;

        private NodeService(Process process, string url) => (_process, Url) = (process, url);

        public string Url { get; }

        public static async Task<NodeService> StartAsync(int maxHeaderSize)
        {
            var script = Script.Replace("COUNT", Steps.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("OUTCOME", JsonSerializer.Serialize(Outcome), StringComparison.Ordinal);
            Process process;
            try
            {
                process = Process.Start(new ProcessStartInfo("node",
                    [$"--max-http-header-size={maxHeaderSize}", "--eval", script])
                { RedirectStandardOutput = true })!;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                Assert.False((Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "").Contains("node", StringComparison.Ordinal),
                    "node is not installed");
                Assert.Skip("node is not installed");
                throw;
            }

            var port = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
            return new NodeService(process, $"http://127.0.0.1:{port}");
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
    }
}
