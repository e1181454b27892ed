using System.Diagnostics;

namespace DurableGateway.Client.Conformance;

/// <summary>Ends the process without cleanup. With <see cref="Environment.Exit"/>, the host would answer first.</summary>
internal static class Crash
{
    public static void Now()
    {
        using var process = Process.GetCurrentProcess();
        process.Kill();
    }
}
