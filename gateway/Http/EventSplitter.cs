using System.Runtime.InteropServices;
using System.Text;
using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>
/// Splits a stream of bytes into server-sent events at the blank lines between them (HTML, "Interpreting an event stream"). Lines end with
/// CR, LF or both. A comment on its own is an event without data.
/// </summary>
internal sealed class EventSplitter
{
    private readonly List<byte> _event = [];
    private readonly List<byte> _line = [];
    private string _id = "";
    private bool _hasData;
    private bool _afterReturn;

    /// <summary>The bytes of the incomplete event.</summary>
    public ReadOnlyMemory<byte> Rest => _event.ToArray();

    /// <summary>The number of those bytes.</summary>
    public int Pending => _event.Count;

    /// <summary>Adds bytes, and returns the events that they complete.</summary>
    public List<SplitEvent> Take(ReadOnlySpan<byte> bytes)
    {
        var events = new List<SplitEvent>();
        foreach (var b in bytes)
        {
            // The LF of a CRLF belongs to the event that has just ended.
            if (b == '\n' && _afterReturn)
            {
                _afterReturn = false;
                if (_event.Count > 0 || events.Count == 0) _event.Add(b);
                else events[^1] = events[^1] with { Event = events[^1].Event with { Bytes = (byte[])[.. events[^1].Event.Bytes.Span, b] } };
                continue;
            }

            _afterReturn = b == '\r';
            _event.Add(b);
            if (b is not ((byte)'\r' or (byte)'\n'))
            {
                _line.Add(b);
                continue;
            }

            if (EndLine()) events.Add(EndEvent());
        }

        return events;
    }

    /// <returns>Whether the line was blank.</returns>
    private bool EndLine()
    {
        var line = Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(_line));
        _line.Clear();
        if (line.Length == 0) return true;
        if (line.StartsWith("id:", StringComparison.Ordinal)) _id = line[3..].StartsWith(' ') ? line[4..] : line[3..];
        _hasData |= line[0] != ':';
        return false;
    }

    private SplitEvent EndEvent()
    {
        var split = new SplitEvent(new StreamEvent(_hasData ? _id : "", _event.ToArray()), _hasData);
        _event.Clear();
        _id = "";
        _hasData = false;
        return split;
    }
}
