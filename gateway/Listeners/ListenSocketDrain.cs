using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DurableGateway.Listeners;

/// <summary>
/// Stops a listening socket from accepting new connections without losing one. Closing the socket would reset connections that the system
/// has accepted and the process has not, and their clients could not distinguish that from a failed request. On Linux, the first packet of
/// a new connection is dropped instead; its client retries after a second, when the socket is closed, and is refused. Connections whose
/// handshake has begun are completed and accepted.
/// </summary>
internal static class ListenSocketDrain
{
    private const int SolSocket = 1, SoAttachFilter = 26, TcpLevel = 6, TcpInfo = 11, AcceptQueueAt = 24;

    /// <summary>Classic BPF over the TCP header: drops packets with SYN and without ACK, and passes all others.</summary>
    private static readonly ulong[] DropNew =
    [
        Instruction(0x30, 13), // A = byte 13, the flags
        Instruction(0x54, 0x12), // A &= SYN | ACK
        Instruction(0x15, 0x02, ifTrue: 0, ifFalse: 1), // A == SYN?
        Instruction(0x06, 0), // drop
        Instruction(0x06, 0xffff_ffff), // pass
    ];

    public static void StopAccepting(Socket listening)
    {
        // If there is no such filter, at least keep the queue as short as possible.
        listening.Listen(0);
        if (!OperatingSystem.IsLinux()) return;
        var program = GCHandle.Alloc(DropNew, GCHandleType.Pinned);
        try
        {
            Span<byte> filter = stackalloc byte[16];
            filter.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(filter, (ushort)DropNew.Length);
            BinaryPrimitives.WriteInt64LittleEndian(filter[8..], program.AddrOfPinnedObject());
            listening.SetRawSocketOption(SolSocket, SoAttachFilter, filter);
        }
        catch (SocketException)
        {
            // A sandbox may forbid the filter.
        }
        finally
        {
            program.Free();
        }
    }

    /// <summary>Whether the system holds connections that the process has not accepted.</summary>
    public static bool HasPending(Socket listening)
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            Span<byte> info = stackalloc byte[AcceptQueueAt + sizeof(uint)];
            return listening.GetRawSocketOption(TcpLevel, TcpInfo, info) == info.Length
                && BinaryPrimitives.ReadUInt32LittleEndian(info[AcceptQueueAt..]) > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    private static ulong Instruction(ushort code, uint operand, byte ifTrue = 0, byte ifFalse = 0) =>
        code | ((ulong)ifTrue << 16) | ((ulong)ifFalse << 24) | ((ulong)operand << 32);
}
