using System;
using System.Collections.Generic;
using System.Text;

namespace DurableGateway.Client;

/// <summary>Reads stored outcomes in their binary form (§3 of the wire contract).</summary>
internal static class StepListReader
{
    public const string ContentType = "application/vnd.durable.steps";

    /// <summary>The kind of the outcome, its attempt and its times.</summary>
    private const int HeadBytes = 1 + 4 + 8 + 8;

    /// <exception cref="FormatException">The list was cut off, or is not one.</exception>
    public static Dictionary<string, StepOutcome> Read(byte[] list)
    {
        var steps = new Dictionary<string, StepOutcome>(StringComparer.Ordinal);
        var at = 0;
        while (true)
        {
            var length = ReadNumber(list, ref at, 4, list.Length);
            if (length == 0) return at == list.Length ? steps : throw new FormatException("Bytes follow the end of the list.");
            if (length > list.Length - at) throw new FormatException("The list is cut off.");
            var end = at + (int)length;
            if (length < HeadBytes) throw new FormatException("A record is too short.");
            var kind = list[at];
            if (kind is not ((byte)'C' or (byte)'F')) throw new FormatException($"An outcome has the unknown kind {kind}.");
            at += HeadBytes;
            var id = ReadText(list, ref at, end);
            var type = ReadText(list, ref at, end);
            var contentType = ReadText(list, ref at, end);
            var body = new byte[end - at];
            Array.Copy(list, at, body, 0, body.Length);
            at = end;
            steps[id] = new StepOutcome(kind == (byte)'F', contentType, body, type);
        }
    }

    private static string ReadText(byte[] list, ref int at, int end)
    {
        var length = (int)ReadNumber(list, ref at, 2, end);
        if (length > end - at) throw new FormatException("A text is longer than its record.");
        var text = Encoding.UTF8.GetString(list, at, length);
        at += length;
        return text;
    }

    private static long ReadNumber(byte[] list, ref int at, int bytes, int end)
    {
        if (bytes > end - at) throw new FormatException("The list is cut off.");
        var number = 0L;
        for (var i = 0; i < bytes; i++) number = (number << 8) | list[at++];
        return number;
    }
}
