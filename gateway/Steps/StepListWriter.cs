using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;
using DurableGateway.Runs;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Steps;

/// <summary>
/// Writes stored outcomes in their binary form (§3, <c>application/vnd.durable.steps</c>). The response is sent page by page, so that
/// the size of a run does not matter.
/// </summary>
internal sealed class StepListWriter
{
    public const string ContentType = "application/vnd.durable.steps";

    private readonly PipeWriter _body;

    public StepListWriter(HttpResponse response)
    {
        response.ContentType = ContentType;
        _body = response.BodyWriter;
    }

    /// <summary>Whether the client names the binary form among what it accepts. A client that accepts anything gets JSON.</summary>
    public static bool IsAccepted(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var types)
        && types.Any(type => type.MediaType.Equals(ContentType, StringComparison.OrdinalIgnoreCase) && type.Quality is not 0);

    public async Task WriteAsync(IReadOnlyList<StepOutcome> outcomes, CancellationToken cancellation)
    {
        foreach (var outcome in outcomes.Where(outcome => !StepOutcome.IsCall(outcome))) Write(outcome);
        await _body.FlushAsync(cancellation);
    }

    /// <summary>Ends the list. A list without an end was cut off.</summary>
    public async Task EndAsync(CancellationToken cancellation)
    {
        WriteLength(0);
        await _body.FlushAsync(cancellation);
    }

    private void Write(StepOutcome outcome)
    {
        const int Fixed = 1 + 4 + 8 + 8;
        int id = Encoding.UTF8.GetByteCount(outcome.Id), type = Encoding.UTF8.GetByteCount(outcome.Type);
        var contentType = Encoding.UTF8.GetByteCount(outcome.ContentType);
        WriteLength((uint)(Fixed + 2 + id + 2 + type + 2 + contentType + outcome.Body.Length));
        var span = _body.GetSpan(Fixed);
        span[0] = outcome.Failed ? (byte)'F' : (byte)'C';
        BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)outcome.Attempt);
        BinaryPrimitives.WriteInt64BigEndian(span[5..], outcome.StartedAt.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt64BigEndian(span[13..], outcome.EndedAt.ToUnixTimeMilliseconds());
        _body.Advance(Fixed);
        WriteText(outcome.Id, id);
        WriteText(outcome.Type, type);
        WriteText(outcome.ContentType, contentType);
        _body.Write(outcome.Body.Span);
    }

    private void WriteLength(uint length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_body.GetSpan(4), length);
        _body.Advance(4);
    }

    private void WriteText(string text, int bytes)
    {
        var span = _body.GetSpan(2 + bytes);
        BinaryPrimitives.WriteUInt16BigEndian(span, checked((ushort)bytes));
        _body.Advance(2 + Encoding.UTF8.GetBytes(text, span[2..]));
    }
}
