using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using DurableGateway.Client.Http;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The client handler, as the client factory registers it, in front of a real gateway.</summary>
public sealed class DurableClientEndToEndTests(Journeys journeys) : IClassFixture<Journeys>
{
    [Fact]
    public async Task AddDurableClientHandler_RunIsRetried_ReturnsItsResultAndLogsIt()
    {
        var log = new LogLines();
        var journey = new Journey(async (step, context, me) =>
            await context.Response.WriteAsync(await step.RunAsync("a", _ =>
                me.Count("a") < 3 ? throw new TimeoutException("airline") : Task.FromResult("done"))));
        using var services = Services(log);

        using var response = await SendAsync(services, HttpMethod.Post, "minimal", journey);

        Assert.Equal((HttpStatusCode.OK, "done"), (response.StatusCode, await BodyAsync(response)));
        Assert.Equal(3, journey.Executed("a"));
        Assert.Contains(log.Lines, line => line.StartsWith("The client waits for the result of run ", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => line.Contains("token=", StringComparison.Ordinal));
    }

    [Fact]
    public void AddDurableClientHandler_TimeoutOfTheApplication_IsKept()
    {
        using var services = new ServiceCollection()
            .AddHttpClient("one", http => http.Timeout = TimeSpan.FromSeconds(7)).AddDurableClientHandler().Services
            .AddHttpClient("other").AddDurableClientHandler().Services.BuildServiceProvider();
        var clients = services.GetRequiredService<IHttpClientFactory>();

        Assert.Equal(
            (TimeSpan.FromSeconds(7), Timeout.InfiniteTimeSpan),
            (clients.CreateClient("one").Timeout, clients.CreateClient("other").Timeout));
    }

    [Fact]
    public async Task ResponseWithoutALength_IsCutOff_IsReadFromTheResult()
    {
        var arrives = new TellsOfResponses();
        var journey = new Journey(async (step, context, me) =>
        {
            await context.Response.WriteAsync("half ");
            await context.Response.Body.FlushAsync();
            if (step.Run.Attempt > 1)
            {
                await context.Response.WriteAsync("and half");
                return;
            }

            await arrives.First.Task.WaitAsync(TimeSpan.FromSeconds(30));
            context.Abort();
        });
        var log = new LogLines();
        using var services = Services(log, () => arrives);

        using var response = await SendAsync(services, HttpMethod.Post, "minimal", journey);

        Assert.Equal("half and half", await BodyAsync(response));
        Assert.Contains(log.Lines, line => line.Contains("was cut off", StringComparison.Ordinal));
    }

    [Fact]
    public async Task EventsThatCanBeResumed_AreCutOff_ContinueInTheNextAttempt()
    {
        var isRead = new SemaphoreSlim(0);
        var journey = new Journey(async (step, context, me) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            var last = int.Parse(context.Request.Headers["Last-Event-ID"].FirstOrDefault("0")!, CultureInfo.InvariantCulture);
            for (var id = last + 1; id <= 6; id++)
            {
                await context.Response.WriteAsync($"id: {id}\ndata: part {id} of attempt {step.Run.Attempt}\n\n");
                await context.Response.Body.FlushAsync();
                if (step.Run.Attempt >= 3 || id % 2 != 0) continue;
                for (var i = 0; i < 2; i++) await isRead.WaitAsync(TimeSpan.FromSeconds(30));
                context.Abort();
                return;
            }
        });
        using var services = Services(new LogLines());

        using var response = await SendAsync(services, HttpMethod.Get, "stream", journey);

        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        var parts = new List<string>();
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (!line.StartsWith("data:", StringComparison.Ordinal)) continue;
            parts.Add(line["data: ".Length..]);
            isRead.Release();
        }

        int[] attempts = [1, 1, 2, 2, 3, 3];
        Assert.Equal(attempts.Select((attempt, i) => $"part {i + 1} of attempt {attempt}"), parts);
    }

    [Fact]
    public async Task ProgressIsCutOff_ContinuesAfterTheLastEntry()
    {
        var told = new ConcurrentQueue<string>();
        var journey = new Journey(async (step, context, me) =>
        {
            foreach (var name in (string[])["a", "b", "c"])
            {
                await step.RunAsync(name, _ => me.Count(name) < 2 ? throw new TimeoutException(name) : Task.FromResult(name));
            }
        });
        using var services = Services(new LogLines(), () => new CutsEvents());

        using var response = await SendAsync(services, HttpMethod.Post, "minimal", journey, request => request.OnProgress(
            new Told(one => told.Enqueue($"{one.Attempt} {one.Kind} {one.Step} {one.State}"))));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(told.Distinct(), told);
        Assert.Equal(
            ["a", "b", "c"],
            told.Where(one => one.EndsWith("completed", StringComparison.Ordinal)).Select(one => one.Split(' ')[2]));
    }

    private static Task<string> BodyAsync(HttpResponseMessage response) =>
        response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    private ServiceProvider Services(LogLines log, Func<HttpMessageHandler>? primary = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging
            .AddProvider(log).SetMinimumLevel(LogLevel.Trace).AddFilter("System.Net.Http", LogLevel.None));
        var client = services.AddHttpClient("trips", http => http.BaseAddress = journeys.Gateway.Public);
        client.ConfigurePrimaryHttpMessageHandler(primary ?? (() => new SocketsHttpHandler()));
        client.AddDurableClientHandler(handler => handler.Delay = _ => TimeSpan.FromMilliseconds(20));
        return services.BuildServiceProvider();
    }

    private async Task<HttpResponseMessage> SendAsync(
        ServiceProvider services, HttpMethod method, string host, Journey journey, Action<HttpRequestMessage>? prepare = null)
    {
        using var request = new HttpRequestMessage(method, journeys.Add(host, journey));
        if (method == HttpMethod.Post) request.Content = new StringContent("order");
        prepare?.Invoke(request);
        var client = services.GetRequiredService<IHttpClientFactory>().CreateClient("trips");
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    private sealed class Told(Action<RunProgress> report) : IProgress<RunProgress>
    {
        public void Report(RunProgress value) => report(value);
    }

    /// <summary>A primary handler of the application's own, which does not follow redirects.</summary>
    private abstract class OwnHandler() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false });

    private sealed class TellsOfResponses : OwnHandler
    {
        public TaskCompletionSource First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            First.TrySetResult();
            return response;
        }
    }

    /// <summary>Cuts each stream of the history after its first entry.</summary>
    private sealed class CutsEvents : OwnHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (response.Content.Headers.ContentType?.MediaType != "text/event-stream") return response;
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
            var entry = new StringWriter();
            while (await reader.ReadLineAsync(cancellationToken) is { } line)
            {
                entry.Write(line + "\n");
                if (line.Length == 0 && entry.ToString().Contains("data:", StringComparison.Ordinal)) break;
            }

            response.Content = new StringContent(entry.ToString(), System.Text.Encoding.UTF8, "text/event-stream");
            return response;
        }
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
