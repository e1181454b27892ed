using System.Runtime.InteropServices;
using LegacyCheckout;

using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return await Demonstration.RunAsync(stop.Token) ? 0 : 1;
}
catch (Exception e) when (e is InvalidOperationException or HttpRequestException or OperationCanceledException)
{
    Console.Error.WriteLine(stop.IsCancellationRequested ? "It was stopped, or took longer than two minutes." : e.Message);
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}
