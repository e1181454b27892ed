using System.Buffers.Binary;
using System.Text;

namespace DurableGateway.Client.Tests;

/// <summary>The binary form of stored outcomes, as §3 of the wire contract describes it.</summary>
public sealed class StepListReaderTests
{
    [Fact]
    public void Outcomes_AreReadAsTheyAreStored()
    {
        var steps = StepListReader.Read([.. Record('C', "a ä", "run", "image/png", 0, 255), .. Record('F', "b", "wait", "", 1), .. End]);
        Assert.Equal(2, steps.Count);
        Assert.Equal((false, "image/png", "run"), (steps["a ä"].Failed, steps["a ä"].ContentType, steps["a ä"].Type));
        Assert.Equal([0, 255], steps["a ä"].Body);
        Assert.Equal((true, "", "wait"), (steps["b"].Failed, steps["b"].ContentType, steps["b"].Type));
    }

    [Fact]
    public void NoOutcomes_AreAnEmptyList() => Assert.Empty(StepListReader.Read(End));

    [Fact]
    public void ListThatIsCutOff_IsRefused_WhereverItIs()
    {
        byte[] whole = [.. Record('C', "a", "run", "text/plain", 1, 2, 3), .. Record('C', "b", "run", "text/plain"), .. End];
        for (var length = 0; length < whole.Length; length++)
            Assert.Throws<FormatException>(() => StepListReader.Read(whole[..length]));
    }

    [Fact]
    public void WhatIsNoList_IsRefused()
    {
        Assert.Throws<FormatException>(() => StepListReader.Read([.. Record('X', "a", "run", ""), .. End]));
        Assert.Throws<FormatException>(() => StepListReader.Read([.. End, 1]));
        Assert.Throws<FormatException>(() => StepListReader.Read([0, 0, 0, 3, 67, 0, 0, .. End]));
        Assert.Throws<FormatException>(() => StepListReader.Read([0xff, 0xff, 0xff, 0xff, 67]));

        // The id is longer than the record.
        byte[] record = Record('C', "a", "run", "text/plain");
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(4 + 21), 500);
        Assert.Throws<FormatException>(() => StepListReader.Read([.. record, .. End]));
    }

    private static byte[] End => [0, 0, 0, 0];

    private static byte[] Record(char kind, string id, string type, string contentType, params byte[] body)
    {
        var rest = new List<byte> { (byte)kind };
        rest.AddRange(new byte[4 + 8 + 8]);
        foreach (var text in new[] { id, type, contentType })
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            rest.AddRange([(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes]);
        }

        rest.AddRange(body);
        var length = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)rest.Count);
        return [.. length, .. rest];
    }
}
