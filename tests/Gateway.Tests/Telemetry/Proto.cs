using System.Buffers.Binary;
using System.Text;

namespace DurableGateway.Tests.Telemetry;

/// <summary>One field of a protobuf message, as it is on the wire. Enough to read what OTLP says.</summary>
internal readonly record struct Proto(int Number, ulong Value, ReadOnlyMemory<byte> Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes.Span);
    public string Hex => Convert.ToHexStringLower(Bytes.Span);
    public double Real => BitConverter.UInt64BitsToDouble(Value);

    /// <summary>The fields of a message.</summary>
    public static List<Proto> Read(ReadOnlyMemory<byte> message)
    {
        var fields = new List<Proto>();
        var at = 0;
        while (at < message.Length)
        {
            var key = Varint(message.Span, ref at);
            var (value, bytes) = (0UL, ReadOnlyMemory<byte>.Empty);
            switch (key & 7)
            {
                case 0:
                    value = Varint(message.Span, ref at);
                    break;
                case 1:
                    value = BinaryPrimitives.ReadUInt64LittleEndian(message.Span[at..]);
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message.Span, ref at);
                    bytes = message.Slice(at, length);
                    at += length;
                    break;
                case 5:
                    value = BinaryPrimitives.ReadUInt32LittleEndian(message.Span[at..]);
                    at += 4;
                    break;
                default:
                    throw new FormatException($"Wire type {key & 7} is none of protobuf 3.");
            }

            fields.Add(new Proto((int)(key >> 3), value, bytes));
        }

        return fields;
    }

    /// <summary>The messages in the fields of this number.</summary>
    public static IEnumerable<List<Proto>> All(List<Proto> message, int number) =>
        message.Where(field => field.Number == number).Select(field => Read(field.Bytes));

    public static Proto Of(List<Proto> message, int number) => message.FirstOrDefault(field => field.Number == number);

    private static ulong Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        var (value, shift) = (0UL, 0);
        while (true)
        {
            var next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
            shift += 7;
        }
    }
}
