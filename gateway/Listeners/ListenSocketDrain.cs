using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DurableGateway.Listeners;

/// <summary>
/// Stops a listening socket from accepting new connections, without losing one that it has. Closing the socket would reset connections that
/// the system has accepted and the process has not; their clients could not tell that from a failed request. On Linux, new
/// connections are therefore dropped before they begin: their clients try again after a second, and are refused then. Connections that have
/// begun are completed and accepted.
/// </summary>
internal static class ListenSocketDrain
{
    private const int SolSocket = 1, SoAttachFilter = 26, TcpLevel = 6, TcpInfo = 11, AcceptQueueAt = 24;

    /// <summary>Classic BPF over the TCP header: what has SYN and no ACK is dropped, all else passes.</summary>
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
        // Where there is no such filter, the queue is at least made as short as can be.
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
            // A sandbox may forbid it.
        }
        finally
        {
            program.Free();
        }
    }

    /// <summary>Whether the system holds connections for the socket that have not been taken.</summary>
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
