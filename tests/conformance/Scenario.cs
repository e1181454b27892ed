using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace DurableGateway.Conformance;

/// <summary>One rule of the contract, as a program and its expected effects. README.md describes the format.</summary>
internal sealed record Scenario
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    public required string Name { get; init; }

    /// <summary>The part of the contract that it checks, for the table.</summary>
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

    /// <summary>The attempts that the scripted gateway sends, in order. If empty, the scenario uses a real gateway.</summary>
    public IReadOnlyList<AttemptScript> Attempts { get; init; } = [];

    /// <summary>With a real gateway: the actions while the client waits.</summary>
    public IReadOnlyList<OutsideAction> Meanwhile { get; init; } = [];

    /// <summary>With a real gateway: the final response for the client.</summary>
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

/// <summary>An attempt of the scripted gateway, and its expected effects.</summary>
internal sealed record AttemptScript
{
    /// <summary>Headers that replace the usual ones; <see langword="null"/> removes a header.</summary>
    public Dictionary<string, string?> Headers { get; init; } = [];

    /// <summary>Addresses of <c>Durable-Callback</c>: <c>a</c>, <c>b</c>, and <c>closed</c>, where no server listens.</summary>
    public IReadOnlyList<string> Callback { get; init; } = ["a"];

    /// <summary>Whether stored outcomes are in <c>Durable-Steps</c>. Otherwise the SDK has to read them.</summary>
    public bool Inline { get; init; } = true;

    /// <summary>Outcomes that are stored before the attempt, in addition to those of earlier attempts.</summary>
    public IReadOnlyList<StoredStep> Stored { get; init; } = [];

    public IReadOnlyList<AnswerRule> Answers { get; init; } = [];

    /// <summary>The gateway abandons the attempt as soon as the body of this step has started.</summary>
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

    /// <summary>Base64, instead of <see cref="Value"/>.</summary>
    public string? Bytes { get; init; }

    /// <summary>The number of such outcomes. From the second on, their ids end in <c>#2</c>, <c>#3</c>, …</summary>
    public int Count { get; init; } = 1;
}

/// <summary>Overrides the scripted gateway's answers to calls.</summary>
internal sealed record AnswerRule
{
    /// <summary>Method and step id (<c>PUT charge</c>), or <c>GET</c>, <c>PUT</c>, <c>POST</c>, or <c>*</c>.</summary>
    public required string On { get; init; }

    /// <summary>Only calls at this address.</summary>
    public string? At { get; init; }

    /// <summary>The number of calls that it applies to. If absent, it applies to all.</summary>
    public int? Times { get; init; }

    public int? Status { get; init; }

    /// <summary>The name of a problem that is the body.</summary>
    public string? Problem { get; init; }

    public JsonNode? Body { get; init; }

    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>Cuts the connection <c>before</c> the call is stored, or <c>after</c> that, so that the answer is lost.</summary>
    public string? Cut { get; init; }

    /// <summary>The call has no answer until the SDK ends it. Nothing is stored.</summary>
    public bool Hang { get; init; }

    /// <summary>The answer waits until this call (as in <see cref="On"/>) has arrived.</summary>
    public string? WaitFor { get; init; }
}

/// <summary>An action on a run behind a real gateway.</summary>
internal sealed record OutsideAction
{
    /// <summary>The journal entry that precedes the action: <c>url approve</c>, <c>step a</c>, <c>handler</c>.</summary>
    public required string When { get; init; }

    /// <summary>Posts this to the callback URL of the step that <see cref="When"/> names.</summary>
    public JsonNode? Callback { get; init; }

    /// <summary>Sends an event: <c>type</c>, <c>key</c>, <c>data</c>.</summary>
    public JsonObject? Event { get; init; }
}
