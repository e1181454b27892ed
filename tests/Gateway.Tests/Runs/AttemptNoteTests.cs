using DurableGateway.Runs;

namespace DurableGateway.Tests.Runs;

/// <summary>The note about the end of an attempt is read from the store unchanged, regardless of the text of the reason.</summary>
[Trait("Category", "Unit")]
public sealed class AttemptNoteTests
{
    [Theory]
    [InlineData("status 503", 503, "http://orders:5000/")]
    [InlineData("connection refused, http://not-the-service", 0, "http://orders:5000/")]
    [InlineData("503 for no reason", 0, null)]
    [InlineData("", 200, "http://orders:5000/a b")]
    [InlineData("its key is missing", 0, null)]
    public void Note_ComesBackAsItWas(string reason, int status, string? destination)
    {
        var note = AttemptNote.Parse(new AttemptNote(reason, status, destination).Format());
        Assert.Equal(new AttemptNote(reason, status, destination?.Replace(" ", "%20", StringComparison.Ordinal)), note);
    }

    [Theory]
    [InlineData("")]
    [InlineData("status 503, http://orders:5000/")]
    [InlineData("timed out")]
    public void TextOfAnotherForm_IsAReason(string text) => Assert.Equal(new AttemptNote(text), AttemptNote.Parse(text));

    [Fact]
    public void FailedAttempt_HasItsStatusAndDestinationAsFields()
    {
        var entry = HistoryEntry.Parse("4 1772366400000 f 2 1772366401000 503 http://orders:5000/ the service is busy")!;
        Assert.Equal(("the service is busy", 503, "http://orders:5000/"), (entry.Text, entry.Status, entry.Destination));
    }

    [Fact]
    public void EndedRun_HasItsStateAndReasonAsText()
    {
        var entry = HistoryEntry.Parse("5 1772366400000 e 3 0 failed 502 http://orders:5000/ connection refused")!;
        Assert.Equal(("failed connection refused", 502, "http://orders:5000/"), (entry.Text, entry.Status, entry.Destination));
    }
}
