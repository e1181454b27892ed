using System.Collections.Concurrent;
using DurableGateway.Client.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Client.Tests;

/// <summary>The log lines about steps.</summary>
public sealed class LogTests : IDisposable
{
    private readonly Lines _lines = new();

    public void Dispose() => _lines.Dispose();

    [Fact]
    public async Task FailedTry_IsAWarning_WithTypeAndMessage_AndNothingOfTheWayToTheGateway()
    {
        await using var service = await StartAsync(FakeGateway.With(call => call.Step == "pay" ? Answer.Later : null),
            LogLevel.Information);

        using var response = await service.AttemptAsync("/");

        var line = Assert.Single(_lines.All, line => line.Category.StartsWith("DurableGateway", StringComparison.Ordinal));
        Assert.Equal(("DurableGateway.Client", LogLevel.Warning), (line.Category, line.Level));
        Assert.Contains("'pay'", line.Text, StringComparison.Ordinal);
        Assert.Contains("System.TimeoutException: the bank is silent", line.Text, StringComparison.Ordinal);
        Assert.Contains(FakeGateway.Run, line.Text, StringComparison.Ordinal);
        Assert.Null(line.Exception);
    }

    [Fact]
    public async Task CallsToTheGateway_AreNotLogged_NotEvenRepeatedOnes()
    {
        var calls = 0;
        await using var service = await StartAsync(FakeGateway.With(_ => ++calls < 2 ? Answer.Problem(503, "store-unavailable") : null),
            LogLevel.Trace);

        using var response = await service.AttemptAsync("/");

        Assert.Equal(3, calls);
        Assert.DoesNotContain(_lines.All, line => line.Category.StartsWith("System.Net.Http", StringComparison.Ordinal)
            || line.Category.StartsWith("Polly", StringComparison.Ordinal));
    }

    [Fact]
    public async Task LookedAtClosely_EachStepIsToldOf_AndTheExceptionIsThere()
    {
        await using var service = await StartAsync(FakeGateway.With(call => call.Step == "pay" ? Answer.Later : null), LogLevel.Debug);

        using var response = await service.AttemptAsync("/");

        var ours = _lines.All.Where(line => line.Category == "DurableGateway.Client").ToList();
        Assert.Contains(ours, line => line.Level == LogLevel.Debug && line.Text.Contains("'search' completed", StringComparison.Ordinal));
        Assert.Contains(ours, line => line.Level == LogLevel.Debug && line.Text.Contains("waits for pay", StringComparison.Ordinal));
        Assert.IsType<TimeoutException>(Assert.Single(ours, line => line.Level == LogLevel.Warning).Exception);
    }

    [Fact]
    public async Task FailureForGood_IsAWarning()
    {
        await using var service = await StartAsync(new FakeGateway(), LogLevel.Information);

        using var response = await service.AttemptAsync("/");

        Assert.Contains(_lines.All,
            line => line.Level == LogLevel.Warning && line.Text.Contains("failed finally", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WorkThatIsCutOff_IsAWarning_WithTheRemedy()
    {
        var time = new FakeTimeProvider();
        var after = TimeSpan.FromHours(1);
        var work = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(_lines));
        var gateway = FakeGateway.That(Answer.Later);
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var running = gateway.RunAsync(
            step => Task.WhenAll(NapAsync(step), work.Task),
            options: new DurableStepsOptions { SuspendAfter = after, TimeProvider = time, LoggerFactory = factory });
        await time.AdvanceUntilAsync(cut.Task, after);
        time.Advance(after * 2);
        work.SetResult();

        (await running).AssertSuspended();
        Assert.Contains(_lines.All,
            line => line.Level == LogLevel.Warning && line.Text.Contains("increase SuspendAfter (3600000 ms)", StringComparison.Ordinal));

        async Task NapAsync(IStep step)
        {
            try
            {
                await step.SleepAsync("nap", TimeSpan.FromDays(1));
            }
            finally
            {
                cut.SetResult();
            }
        }
    }

    private Task<SdkService> StartAsync(FakeGateway gateway, LogLevel level) => SdkService.StartAsync(
        app => app.MapGet("/", async (IStep step) =>
        {
            await step.RunAsync("search", _ => Task.CompletedTask);
            await step.RunAsync("pay", _ => step.Run.Attempt > 0 ? throw new TimeoutException("the bank is silent") : Task.CompletedTask);
        }).WithDurableSteps(),
        gateway,
        services => services.AddLogging(logging => logging.AddProvider(_lines)).PostConfigure<LoggerFilterOptions>(filter =>
        {
            filter.Rules.Clear();
            filter.MinLevel = level;
        }),
        controllers: false);

    private sealed record Line(string Category, LogLevel Level, string Text, Exception? Exception);

    private sealed class Lines : ILoggerProvider
    {
        private readonly ConcurrentQueue<Line> _all = new();

        public IEnumerable<Line> All => _all;

        public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _all);

        public void Dispose()
        {
        }

        private sealed class Logger(string category, ConcurrentQueue<Line> all) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(
                LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                all.Enqueue(new Line(category, logLevel, formatter(state, exception), exception));
        }
    }
}
