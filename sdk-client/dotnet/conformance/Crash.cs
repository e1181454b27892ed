using System.Diagnostics;

namespace DurableGateway.Client.Conformance;

/// <summary>Ends the process without any clean-up. <see cref="Environment.Exit"/> would let the host answer first.</summary>
internal static class Crash
{
    public static void Now()
    {
        using var process = Process.GetCurrentProcess();
        process.Kill();
    }
}
