using System.Net;
using DurableGateway.Client.Http;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Calls through the egress listener of the gateway.</summary>
public sealed class EgressTests : IDisposable
{
    private readonly FakeGateway _gateway = FakeGateway.With(_ => null);
    private readonly Recorder _recorder = new();

    [Fact]
    public async Task CallOfTheHandler_HasTheToken_AndOneOfAStepIsMarked()
    {
        using var client = new HttpClient(new DurableEgressHandler(_recorder));

        await AttemptAsync("e.t", async step =>
        {
            await client.GetAsync(new Uri("http://egress/handler"));
            await step.RunAsync("pay", async ct =>
            {
                await client.GetAsync(new Uri("http://egress/step"), ct);
                return 1;
            });
            await client.GetAsync(new Uri("http://egress/after"));
        });
        await client.GetAsync(new Uri("http://egress/nowhere"));

        Assert.Equal(["/handler e.t ", "/step e.t ?1", "/after e.t ", "/nowhere  "], _recorder.Seen);
    }

    [Theory]
    [InlineData("e.t", "?1")]
    [InlineData(null, "")]
    public async Task Fetch_MarksItsCall_IfTheGatewayHasTheListener(string? token, string mark)
    {
        using var client = new HttpClient(_recorder);

        await AttemptAsync(token, async step =>
        {
            using var response = await step.FetchAsync("rate", client, () => new HttpRequestMessage(HttpMethod.Get, "http://any/rate"));
        });

        Assert.Equal([$"/rate  {mark}"], _recorder.Seen);
    }

    /// <summary>A pipeline above the handler may send a request again.</summary>
    [Fact]
    public async Task RequestThatIsSentAgain_HasEachHeaderOnce()
    {
        using var invoker = new HttpMessageInvoker(new DurableEgressHandler(_recorder));

        await AttemptAsync("e.t", step => step.RunAsync("pay", async ct =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "http://egress/again");
            await invoker.SendAsync(request, ct);
            await invoker.SendAsync(request, ct);
            return 1;
        }));

        Assert.Equal(["/again e.t ?1", "/again e.t ?1"], _recorder.Seen);
    }

    [Fact]
    public async Task Factory_AddsTheHandler()
    {
        var services = new ServiceCollection();
        services.AddHttpClient("payments").AddDurableEgressHandler().ConfigurePrimaryHttpMessageHandler(() => _recorder);
        await using var provider = services.BuildServiceProvider();
        using var client = provider.GetRequiredService<IHttpClientFactory>().CreateClient("payments");

        await AttemptAsync("e.t", _ => client.GetAsync(new Uri("http://egress/factory")));

        Assert.Equal(["/factory e.t "], _recorder.Seen);
    }

    public void Dispose() => _recorder.Dispose();

    private async Task AttemptAsync(string? token, Func<IStep, Task> handler)
    {
        var headers = FakeGateway.Headers(null, 0, attempt: 1);
        if (token is not null) headers["Durable-Egress-Token"] = token;
        using var attempt = _gateway.Begin(headers, null, CancellationToken.None);
        Assert.True((await attempt.RunAsync(_ => handler(attempt.Step))).IsCompleted);
    }

    private sealed class Recorder : HttpMessageHandler
    {
        public List<string> Seen { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Seen.Add($"{request.RequestUri!.AbsolutePath} {Of("Durable-Egress-Token")} {Of("Durable-In-Step")}");
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK));

            string Of(string name) => request.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
        }
    }
}
