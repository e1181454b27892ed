using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace DurableGateway.Conformance;

/// <summary>One rule of the contract, as a program and what has to be seen of it. The format is told in README.md.</summary>
internal sealed record Scenario
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    public required string Name { get; init; }

    /// <summary>The part of the contract that it holds an SDK to, for the reader of the table.</summary>
    public required string Rule { get; init; }

    public IReadOnlyList<string> Needs { get; init; } = [];

    /// <summary>
    /// Whether it shows what a host does with requests and responses. A service of another host of the same SDK runs only these.
    /// </summary>
    public bool Http { get; init; }

    /// <summary>Whether no other scenario runs at the same time, because it takes all that the machine has.</summary>
    public bool Alone { get; init; }

    /// <summary>How many seconds the client of a real gateway waits.</summary>
    public int Patience { get; init; } = 30;

    public required JsonArray Do { get; init; }

    /// <summary>Attempts that the scripted gateway sends, one after the other; empty: a real gateway is in front.</summary>
    public IReadOnlyList<AttemptScript> Attempts { get; init; } = [];

    /// <summary>Of a real gateway: what happens while the client waits.</summary>
    public IReadOnlyList<OutsideAction> Meanwhile { get; init; } = [];

    /// <summary>Of a real gateway: what the client gets in the end.</summary>
    public JsonObject? Expect { get; init; }

    /// <param name="directory">Where the files of scenarios are.</param>
    /// <param name="steps">How many steps a run with many steps has.</param>
    public static IReadOnlyList<Scenario> Load(string directory, int steps) =>
    [
        .. Directory.EnumerateFiles(directory, "*.json").Order(StringComparer.Ordinal)
            .SelectMany(file => Expansion.Of(JsonNode.Parse(File.ReadAllText(file), documentOptions: Lenient), steps)
                .Deserialize<Scenario[]>(Format) ?? throw new InvalidDataException($"{file} has no scenarios.")),
    ];
}

/// <summary>An attempt of the scripted gateway, and what has to be seen of it.</summary>
internal sealed record AttemptScript
{
    /// <summary>Headers in place of the usual ones; <see langword="null"/>: none of that name.</summary>
    public Dictionary<string, string?> Headers { get; init; } = [];

    /// <summary>Addresses of <c>Durable-Callback</c>: <c>a</c>, <c>b</c>, and <c>closed</c>, where nobody listens.</summary>
    public IReadOnlyList<string> Callback { get; init; } = ["a"];

    /// <summary>Whether stored outcomes are in <c>Durable-Steps</c>; else the SDK has to read them.</summary>
    public bool Inline { get; init; } = true;

    /// <summary>Outcomes that are stored before the attempt, beside those of earlier ones.</summary>
    public IReadOnlyList<StoredStep> Stored { get; init; } = [];

    public IReadOnlyList<AnswerRule> Answers { get; init; } = [];

    /// <summary>The gateway gives the attempt up as soon as the body of this step has begun.</summary>
    public string? CancelAtStep { get; init; }

    public required JsonObject Expect { get; init; }
}

internal sealed record StoredStep
{
    public required string Id { get; init; }

    public string Type { get; init; } = "run";

    public bool Failed { get; init; }

    public string? ContentType { get; init; }

    /// <summary>JSON.</summary>
    public JsonNode? Value { get; init; }

    /// <summary>Base64, in place of <see cref="Value"/>.</summary>
    public string? Bytes { get; init; }

    /// <summary>How many such outcomes there are: with <c>#2</c>, <c>#3</c>, … from the second on.</summary>
    public int Count { get; init; } = 1;
}

/// <summary>How calls are answered that the scripted gateway would answer otherwise.</summary>
internal sealed record AnswerRule
{
    /// <summary>Method and step id (<c>PUT charge</c>), or <c>GET</c>, <c>PUT</c>, <c>POST</c>, or <c>*</c>.</summary>
    public required string On { get; init; }

    /// <summary>Only calls at this address.</summary>
    public string? At { get; init; }

    /// <summary>How many calls it holds for; absent: all.</summary>
    public int? Times { get; init; }

    public int? Status { get; init; }

    /// <summary>The name of a problem that is the body.</summary>
    public string? Problem { get; init; }

    public JsonNode? Body { get; init; }

    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary><c>before</c>: the connection is cut and nothing stored; <c>after</c>: it is stored, and the answer is lost.</summary>
    public string? Cut { get; init; }

    /// <summary>There is no answer, until the SDK ends the call. Nothing is stored.</summary>
    public bool Hang { get; init; }

    /// <summary>The answer is not given before this call (as in <see cref="On"/>) has come.</summary>
    public string? WaitFor { get; init; }
}

/// <summary>What somebody does to a run behind a real gateway.</summary>
internal sealed record OutsideAction
{
    /// <summary>The entry that the journal has before: <c>url approve</c>, <c>step a</c>, <c>handler</c>.</summary>
    public required string When { get; init; }

    /// <summary>Posts this to the callback URL of the step that <see cref="When"/> names.</summary>
    public JsonNode? Callback { get; init; }

    /// <summary>Sends an event: <c>type</c>, <c>key</c>, <c>data</c>.</summary>
    public JsonObject? Event { get; init; }
}
