using System.Runtime.InteropServices;

namespace DurableGateway.Tests.Support;

/// <summary>Sends signals to the processes of tests. Not every machine has a <c>kill</c> command.</summary>
internal static partial class Signals
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;

    /// <summary>Sends SIGTERM: the process shuts down gracefully.</summary>
    public static void Terminate(int process) => Send(process, SigTerm);

    /// <summary>Sends SIGSTOP: the process stops, with open connections.</summary>
    public static void Stop(int process) => Send(process, SigStop);

    /// <summary>Sends SIGCONT.</summary>
    public static void Continue(int process) => Send(process, SigCont);

    private static void Send(int process, int signal)
    {
        // The process may be gone already.
        _ = Kill(process, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
