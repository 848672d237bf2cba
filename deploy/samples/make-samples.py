#!/usr/bin/env python3
"""Writes the sample catalogues and rows of the three cities. Seeded: the same script gives the same files, which are committed.

Run from anywhere: python3 deploy/samples/make-samples.py
Facts come only from facts/*.csv (districts, streets, holidays). Everything else is fiction and says 示例.
"""
import csv
import datetime
import json
import random
import sys

sys.dont_write_bytecode = True
import alone  # noqa: E402
import everywhere  # noqa: E402
from entries import DIVISIONS, HERE, HOLIDAYS, Place, entry, item  # noqa: E402

HEADERS = ["信息资源代码", "信息资源名称", "信息资源提供方", "信息资源提供方代码", "信息资源摘要", "主题分类", "信息资源格式", "共享类型", "共享条件",
           "不予共享依据", "共享方式", "是否向社会开放", "开放条件", "更新周期", "关联资源代码", "数据分类", "数据分级",
           "信息项名称", "信息项标识", "数据类型", "数据长度", "信息项共享类型", "是否个人信息"]
SHARING = {"u": "无条件共享", "c": "有条件共享", "r": "不予共享"}
TYPES = {"C": "字符型C", "N": "数值型N", "Y": "货币型Y", "D": "日期型D", "T": "日期时间型T", "L": "逻辑型L", "M": "备注型M", "G": "通用型G", "B": "双精度型B",
         "I": "整型I", "F": "浮点型F"}

# What another city calls the same thing, and how often it brings it up to date. The rows stay as they were.
OTHERWISE = {
    ("zhuzhou", "公安局", 1): dict(title="株洲市常住户籍人口登记（示例）", cycle="每周"),
    ("zhuzhou", "公安局", 2): dict(title="株洲市流动人口居住证（示例）"),
    ("zhuzhou", "人力资源和社会保障局", 2): dict(title="株洲市职工社保参保缴费明细（示例）", cycle="每周"),
    ("zhuzhou", "市场监督管理局", 1): dict(title="株洲市企业登记基本信息（示例）", cycle="每周"),
    ("zhuzhou", "自然资源和规划局", 1): dict(title="株洲市不动产权属登记核验（示例）"),
    ("xiangtan", "公安局", 1): dict(title="湘潭市人口户籍信息（示例）", cycle="每季度"),
    ("xiangtan", "人力资源和社会保障局", 2): dict(title="湘潭市社保缴纳情况（示例）"),
    ("xiangtan", "住房公积金管理中心", 1): dict(title="湘潭市公积金缴存和贷款信息（示例）", cycle="每日"),
    ("xiangtan", "教育局", 1): dict(title="湘潭市中小学生学籍信息（示例）", cycle="每半年"),
    ("xiangtan", "市场监督管理局", 1): dict(title="湘潭市经营主体登记（示例）", cycle="每月"),
    ("xiangtan", "交通运输局", 1): dict(title="湘潭市公交线路和站点（示例）", cycle="每半年"),
}


# What a city does not keep although the others do.
LACKING = {("zhuzhou", "住房公积金管理中心", 2), ("xiangtan", "商务局", 2), ("xiangtan", "自然资源和规划局", 2)}


def catalogue(city, rng):
    short, division = city["short_name"], city["code"]
    counties = [d for d in DIVISIONS if d["parent"] == division]
    streets = [d for d in DIVISIONS if d["parent"] in {c["code"] for c in counties}]
    county_names = {c["code"]: c["name"] for c in counties}

    def day(first, last):
        first, last = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
        return first + datetime.timedelta(days=rng.randrange((last - first).days + 1))

    def person(i):
        return f"示例居民{i:04d}", f"示例证件{division}{i:06d}"

    def residents():
        for i in range(1, 241):
            name, document = person(i)
            county = rng.choice(counties)
            yield [document, name, rng.choice("男女"), day("1950-01-01", "2008-12-31"), county["code"], f"{county['name']}示例路{rng.randrange(1, 200)}号", day("2001-01-01", "2026-06-30")]

    def funds():
        for i in range(1, 181):
            name, document = person(i)
            base = rng.randrange(2200, 28000, 50)
            rate = rng.choice([5, 8, 10, 12])
            yield [f"示例账户{division}{i:06d}", name, document, f"示例单位{rng.randrange(1, 40):03d}", f"{base * rate * 2 / 100:.2f}", f"2026-{rng.randrange(7, 11):02d}", f"{rng.randrange(0, 400000, 137)}.00", rng.choice(["是", "否"])]

    # A seed of its own: rows that were there before stay as they are.
    own = random.Random(f"参保缴费示例 {city['city']}")

    def insurances():
        for i in range(1, 201):
            name, document = person(i)
            stopped = own.random() < 0.1
            yield [document, name, own.choice(["养老保险", "失业保险", "工伤保险"]), "中断参保" if stopped else "参保缴费", f"2026-{own.randrange(2, 8) if stopped else own.randrange(9, 11):02d}", f"{own.randrange(4000, 21000, 50)}.00"]

    def companies():
        for i in range(1, 161):
            county = rng.choice(counties)
            yield [f"示例主体{division}{i:05d}", f"{short}示例企业{i:03d}（示例）", rng.choice(["有限责任公司", "个体工商户", "股份有限公司", "农民专业合作社"]), rng.randrange(3, 5000) * 10000, day("2003-01-01", "2026-09-30"), county["code"],
                   rng.choice(["存续", "存续", "存续", "注销", "吊销"]), "示例经营范围"]

    def stops():
        for line in range(1, 25):
            county = rng.choice(counties)
            for stop in range(1, rng.randrange(6, 14)):
                yield [f"示例{line}路", stop, f"示例站{line:02d}-{stop:02d}", county["code"], f"{rng.uniform(0.3, 1.9):.2f}", rng.choice(["是", "否"])]

    personal = dict(grade=3)
    return [
        entry("民政局", 1, f"{short}市县级行政区划代码", f"{short}市所辖县（市、区）的名称和六位代码。内容取自公开资料，供演示使用，不代表主管部门发布。", "自然资源和空间地理", "u",
              [item("区划代码", "division_code", "C", 6), item("区划名称", "division_name", "C", 40), item("上级代码", "parent_code", "C", 6)],
              cycle="每年", is_open=True, rows=lambda: ([c["code"], c["name"], c["parent"]] for c in counties)),
        entry("民政局", 2, f"{short}市乡镇街道名录", f"{short}市所辖乡镇、街道的名称、九位代码及所属县（市、区）。内容取自公开资料，供演示使用，不代表主管部门发布。", "自然资源和空间地理", "u",
              [item("区划代码", "division_code", "C", 9), item("区划名称", "division_name", "C", 40), item("所属区划代码", "county_code", "C", 6), item("所属区划名称", "county_name", "C", 40)],
              cycle="每年", is_open=True, related=[("民政局", 1)], rows=lambda: ([s["code"], s["name"], s["parent"], county_names[s["parent"]]] for s in streets)),
        entry("民政局", 3, f"{short}市社会救助对象（示例）", "最低生活保障、特困供养等救助对象的基本信息，内容为虚构示例。", "社会保障", "c",
              [item("证件号码", "document_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("救助类别", "aid_kind", "C", 20), item("月救助金额", "aid_amount", "Y"), item("起始日期", "starts_on", "D")],
              scope="省内民政、医保、住建、教育部门", purpose="救助对象身份核验和待遇核定", other="不得向第三方提供", **personal),
        entry("人力资源和社会保障局", 1, f"法定节假日与调休安排（2025—2026年）（{short}）", "国务院办公厅公布的放假日和调休上班日。内容取自公开通知，供演示使用。", "公共服务", "u",
              [item("日期", "on_date", "D"), item("节日名称", "holiday_name", "C", 20), item("是否放假", "is_off", "L")],
              cycle="每年", is_open=True, rows=lambda: ([h["date"], h["name"], h["off"]] for h in HOLIDAYS)),
        entry("人力资源和社会保障局", 2, f"{short}市社会保险参保缴费（示例）", "职工社会保险的参保状态和缴费月份，内容为虚构示例。", "社会保障", "c",
              [item("证件号码", "document_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("险种", "insurance_kind", "C", 20), item("参保状态", "insured_state", "C", 10), item("缴费年月", "paid_month", "C", 7), item("缴费基数", "paid_base", "Y", personal=True, sharing="c")],
              scope="省内人力资源社会保障、公积金、住建、税务部门", purpose="社会保险关系转移接续、住房公积金业务和购房资格核验", rows=insurances, **personal),
        entry("公安局", 1, f"{short}市户籍人口基本信息（示例）", "常住户籍人口的基本登记信息，内容为虚构示例。", "人口", "c",
              [item("证件号码", "document_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("性别", "sex", "C", 2, True), item("出生日期", "born_on", "D", personal=True), item("户籍区划代码", "county_code", "C", 6), item("户籍地址", "address", "C", 200, True), item("登记日期", "registered_on", "D")],
              scope="省内公积金、教育、人力资源社会保障部门", purpose="跨城市办理公积金提取、入学和落户时核验户籍", other="逐案查询，用后即弃", rows=residents, **personal),
        entry("公安局", 2, f"{short}市居住证签发（示例）", "居住证的签发和有效期信息，内容为虚构示例。", "人口", "c",
              [item("证件号码", "document_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("签发日期", "issued_on", "D"), item("有效期至", "valid_until", "D")],
              scope="省内公积金、教育、人力资源社会保障部门", purpose="异地公积金业务、随迁子女入学和就业服务", **personal),
        entry("公安局", 3, f"{short}市封存的未成年人犯罪记录（示例）", "依法封存的记录，仅登记目录，不提供数据；本条为虚构示例。", "执法", "r",
              [item("案件编号", "case_no", "C", 40), item("封存日期", "sealed_on", "D")],
              reason="依法封存的记录不得向任何单位和个人提供，司法机关办案和依国家规定查询的除外", law="《中华人民共和国刑事诉讼法》第二百八十六条", cycle="不定期", grade=4),
        entry("住房公积金管理中心", 1, f"{short}市住房公积金缴存与贷款（示例）", "个人住房公积金账户的缴存、余额和贷款情况，内容为虚构示例。", "住房", "c",
              [item("个人账号", "account_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("证件号码", "document_no", "C", 30, True), item("缴存单位", "employer_name", "C", 100), item("月缴存额", "monthly_amount", "Y", personal=True), item("缴至年月", "paid_month", "C", 7), item("账户余额", "balance", "Y", personal=True), item("是否有贷款", "has_loan", "L", personal=True)],
              scope="其他城市住房公积金管理中心", purpose="异地贷款、异地转移接续的缴存核验", other="仅限本人申请的业务", rows=funds, **personal),
        entry("医疗保障局", 1, f"{short}市异地就医备案（示例）", "参保人异地就医备案情况，以服务接口提供，内容为虚构示例。", "健康", "c",
              [item("证件号码", "document_no", "C", 30, True), item("备案地区划代码", "division_code", "C", 6), item("备案日期", "filed_on", "D"), item("备案状态", "filing_state", "C", 10)],
              form="服务接口", scope="省内医疗保障、卫生健康、民政部门", purpose="异地就医直接结算和医疗救助", cycle="实时", grade=4),
        entry("教育局", 1, f"{short}市中小学学籍（示例）", "义务教育阶段学生的学籍状态，含未成年人个人信息，内容为虚构示例。", "教育", "c",
              [item("学籍号", "student_no", "C", 30, True), item("姓名", "person_name", "C", 60, True), item("学校名称", "school_name", "C", 100), item("年级", "grade_no", "I"), item("学籍状态", "student_state", "C", 10)],
              scope="省内教育、公安部门", purpose="转学和入学办理", cycle="每季度", grade=4),
        entry("市场监督管理局", 1, f"{short}市市场主体登记（示例）", "企业、个体工商户等市场主体的登记信息，内容为虚构示例。", "法人", "u",
              [item("主体编号", "entity_no", "C", 40), item("名称", "entity_name", "C", 200), item("类型", "entity_kind", "C", 40), item("注册资本", "capital", "Y"), item("成立日期", "founded_on", "D"), item("登记区划代码", "county_code", "C", 6), item("登记状态", "entity_state", "C", 10), item("经营范围", "business_scope", "M")],
              cycle="每日", rows=companies),
        entry("市场监督管理局", 2, f"{short}市市场监管行政处罚（示例）", "行政处罚决定的公示信息，以电子表格提供，内容为虚构示例。", "信用", "u",
              [item("决定书文号", "decision_no", "C", 60), item("当事人名称", "party_name", "C", 200), item("处罚内容", "penalty", "M"), item("决定日期", "decided_on", "D")],
              form="电子表格/xlsx", cycle="每周", is_open=True, open_conditions="注明来源", related=[("市场监督管理局", 1)]),
        entry("交通运输局", 1, f"{short}市公交线路站点（示例）", "公交线路、站序和站间距离，内容为虚构示例。", "交通", "u",
              [item("线路名称", "line_name", "C", 40), item("站序", "stop_no", "I"), item("站点名称", "stop_name", "C", 60), item("区划代码", "county_code", "C", 6), item("站间距离公里", "distance_km", "N", 6), item("是否首末站", "is_terminal", "L")],
              cycle="每季度", is_open=True, rows=stops),
        entry("自然资源和规划局", 1, f"{short}市不动产登记查询（示例）", "不动产权利人和不动产单元的登记结果，内容为虚构示例。", "住房", "c",
              [item("权利人姓名", "owner_name", "C", 60, True), item("证件号码", "document_no", "C", 30, True), item("不动产单元号", "unit_no", "C", 40, True), item("坐落", "location", "C", 200, True), item("登记日期", "registered_on", "D")],
              form="服务接口", scope="省内税务、公积金、教育部门", purpose="购房提取公积金、入学和纳税核验", cycle="实时", **personal),
        entry("行政审批服务局", 1, f"{short}市政务服务事项目录（示例）", "依申请办理的政务服务事项清单，以电子文件提供，内容为虚构示例。", "审批", "u",
              [item("事项编码", "item_code", "C", 40), item("事项名称", "item_name", "C", 200), item("办理时限（工作日）", "limit_days", "I"), item("是否跨城通办", "cross_city", "L")],
              form="电子文件/pdf", cycle="不定期", is_open=True),
    ]


def write(city):
    rng = random.Random(f"长株潭示例 {city['city']}")
    place = Place(city)
    folder = HERE / city["city"]
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    names = [d["name"] for d in city["departments"]]
    full = {n.removeprefix(city["name"]): d for n, d in zip(names, city["departments"])}
    order = list(full)

    def code(department, heading):
        return f"307{order.index(department) + 1:03d}{city['code']}/{heading:06d}"

    methods = {"库表": "数据库", "服务接口": "服务"}
    with open(folder / "catalogue.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\r\n")
        out.writerow(HEADERS)
        for e in [*catalogue(city, rng), *everywhere.entries(place), *alone.entries(place)]:
            if (city["city"], e["department"], e["heading"]) in LACKING:
                continue
            e |= OTHERWISE.get((city["city"], e["department"], e["heading"]), {})
            d = full[e["department"]]
            about = [code(e["department"], e["heading"]), e["title"], d["name"], d["code"], e["abstract"], e["theme"], e["form"], SHARING[e["sharing"]], e["conditions"],
                     e["law"], methods.get(e["form"], "文件"), "是" if e["is_open"] else "否", e["open_conditions"], e["cycle"],
                     "；".join(code(*r) for r in e["related"]), e["classification"], e["grade"]]
            for n, (title, name, kind, length, is_personal, sharing) in enumerate(e["items"]):
                out.writerow((about if n == 0 else [""] * len(about)) + [title, name, TYPES[kind], length or "", SHARING[sharing or e["sharing"]], "是" if is_personal else "否"])
            if e["rows"]:
                with open(folder / "rows" / f"{about[0].replace('/', '-')}.csv", "w", encoding="utf-8", newline="") as rows:
                    table = csv.writer(rows, lineterminator="\r\n")
                    table.writerow([i[0] for i in e["items"]])
                    table.writerows(e["rows"]())


if __name__ == "__main__":
    for path in sorted((HERE.parent / "cities").glob("*.json")):
        if path.stem in ("changsha", "zhuzhou", "xiangtan"):
            write(json.loads(path.read_text(encoding="utf-8")))
