using System.Diagnostics;
using DurableGateway.Telemetry;
using Microsoft.Extensions.Time.Testing;
using OpenTelemetry;
using OpenTelemetry.Trace;

namespace DurableGateway.Tests.Telemetry;

/// <summary>
/// A collector that never answers does not hold up the exit. <c>tests/docker/engine/image.sh</c> tests it with a real one.
/// </summary>
[Trait("Category", "Unit")]
public sealed class FinalExportTests
{
    [Fact]
    public async Task ExportHangs_StopEndsAtTheLimit_AndDisposalDoesNotWaitAgain()
    {
        using var exporter = new HangingExporter();
        using var source = new ActivitySource(nameof(FinalExportTests));
        using var tracing = Sdk.CreateTracerProviderBuilder().AddSource(source.Name)
            .AddProcessor(new BatchActivityExportProcessor(exporter)).Build();
        await using var services = new ServiceCollection().AddSingleton(tracing).BuildServiceProvider();
        source.StartActivity("left over")!.Dispose();

        var time = new FakeTimeProvider();
        var stopping = new FinalExport(services, time).StoppedAsync(CancellationToken.None);
        await exporter.Began.WaitAsync(TimeSpan.FromSeconds(60));
        time.Advance(FinalExport.Limit);
        await stopping.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(tracing.Shutdown(), "A second shutdown would wait for the export again.");
        exporter.Release();
    }

    private sealed class HangingExporter : BaseExporter<Activity>
    {
        private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Began => _began.Task;

        public void Release() => _released.TrySetResult();

        public override ExportResult Export(in Batch<Activity> batch)
        {
            _began.TrySetResult();
            _released.Task.Wait();
            return ExportResult.Success;
        }
    }
}
