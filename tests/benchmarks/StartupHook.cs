using System.Net.Sockets;

/// <summary>
/// Runs inside each measured .NET process, before its Main (<c>DOTNET_STARTUP_HOOKS</c>), and tells how much that process has
/// allocated: each connection to a socket is answered with one number. So a gateway of any commit is measured as it is.
/// </summary>
internal static class StartupHook
{
    /// <summary>The environment variable that names the socket.</summary>
    public const string SocketVariable = "BENCHMARKS_COUNTERS";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(SocketVariable) is not { Length: > 0 } path) return;
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        new Thread(() =>
        {
            while (true)
            {
                using var caller = listener.Accept();
                caller.Send(BitConverter.GetBytes(GC.GetTotalAllocatedBytes(precise: true)));
            }
        })
        { IsBackground = true, Name = "benchmark counters" }.Start();
    }
}
