using System.Reflection;

namespace DurableGateway.Tests.Architecture;

/// <summary>
/// The category <c>Unit</c> holds each class of tests that starts no server, no process and no connection, and no other: so it runs in
/// seconds, and nobody has to remember what belongs to it. What a class uses is read out of the compiled assembly,
/// through all that helps it.
/// </summary>
[Trait("Category", "Unit")]
public sealed class UnitCategoryTests
{
    private const string Sockets = "System.Net.Sockets";

    private static readonly Assembly Tests = typeof(UnitCategoryTests).Assembly;

    /// <summary>Types that only somebody names who starts a server or a process, or opens a connection.</summary>
    private static readonly string[] Starters = ["WebApplication", "Process", "EmbeddedServer", "StoreConnection", "ConnectionMultiplexer"];

    private static readonly ILookup<string, TypeReference> UsedBy =
        TypeReferences.Of(Tests.Location).ToLookup(one => $"{one.From}.{one.Type}");

    [Fact]
    public void UnitTests_StartNothing()
    {
        // The test itself must see: one that looks for names that are gone would find no fault.
        Assert.All(Starters, starter => Assert.Contains(UsedBy, user => user.Any(one => one.Used == starter)));
        Assert.Contains(Classes(), type => WhatStartsSomething(type) is not null);
        AssertNone(Classes().Where(IsUnit).Select(type => (Type: type, Found: WhatStartsSomething(type)))
            .Where(one => one.Found is not null)
            .Select(one => $"{one.Type} is a unit test, and reaches {one.Found}"));
    }

    [Fact]
    public void ClassesThatStartNothing_AreUnitTests() =>
        AssertNone(Classes().Where(type => !IsUnit(type) && WhatStartsSomething(type) is null)
            .Select(type => $"{type} starts nothing, and is not [Trait(\"Category\", \"Unit\")]"));

    private static IEnumerable<Type> Classes() => Tests.GetTypes().Where(type => type is { IsAbstract: false, IsClass: true })
        .Where(type => type.GetMethods().Any(method => method.GetCustomAttribute<FactAttribute>() is not null));

    private static bool IsUnit(Type type) =>
        type.GetCustomAttributes<TraitAttribute>().Any(trait => trait is { Name: "Category", Value: "Unit" });

    /// <summary>The first use of a starter that is found, by the class or by what it uses of this assembly.</summary>
    private static string? WhatStartsSomething(Type type)
    {
        var seen = new HashSet<string> { type.FullName! };
        var open = new Queue<string>(seen);
        while (open.TryDequeue(out var user))
        {
            foreach (var used in UsedBy[user])
            {
                if (used.To == Sockets || Starters.Contains(used.Used)) return $"{used.Used} in {user}";
                var name = $"{used.To}.{used.Used}";
                if (seen.Add(name)) open.Enqueue(name);
            }
        }

        return null;
    }

    private static void AssertNone(IEnumerable<string> faults)
    {
        var all = faults.Order(StringComparer.Ordinal).ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }
}
