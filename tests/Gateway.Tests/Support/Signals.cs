using System.Runtime.InteropServices;

namespace DurableGateway.Tests.Support;

/// <summary>What one sends to processes of one's own. The <c>kill</c> of the shell is not there on every machine.</summary>
internal static partial class Signals
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;

    /// <summary>SIGTERM: it ends in its own way.</summary>
    public static void Terminate(int process) => Send(process, SigTerm);

    /// <summary>SIGSTOP: it stands still, with its connections open.</summary>
    public static void Stop(int process) => Send(process, SigStop);

    /// <summary>SIGCONT.</summary>
    public static void Continue(int process) => Send(process, SigCont);

    private static void Send(int process, int signal)
    {
        // One that is gone has had its signal.
        _ = Kill(process, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
